"""Push a build to the hub: checked first, and with a warning about what its licences restrict."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..catalogue.terms import INTERNAL, UNSTATED
from ..errors import FetchError, NotFoundError, OutputError, UsageError
from ..inputs.hub import endpoint, in_words
from ..limits import timeout
from ..paths import is_remote
from ..reports.check import check
from ..reports.stats import stats
from ..rights.rows import Usage
from ..store import CARD, REJECTED, open_build
from ..store.names import TABLES


@dataclass(frozen=True)
class Pushed:
    """The published build's address and commit."""

    repository: str
    url: str
    commit: str


def push(
    path: str | os.PathLike[str] | None,
    repository: str,
    *,
    private: bool = False,
    rejected: bool = False,
    confirm: Callable[[Usage], bool] | None = None,
) -> Pushed:
    """Upload a build with its card to a dataset repository on the hub. A missing repository is
    created.

    `confirm` is asked if the rows are not free for every use. Without it, such a build is refused
    unless `private`; one with rows under LicenseRef-Unstated or LicenseRef-Internal in any case.
    If a source is files of your own, rejected/ is left behind unless `rejected`: it has the raw
    text of what you did not want.

    Raises NotFoundError if `check` finds problems, UsageError if the user did not agree, FetchError
    if the hub refuses.

    >>> import open_instructions as oi                                     # doctest: +SKIP
    >>> oi.push("mix", "me/mix", private=True).url                         # doctest: +SKIP
    """
    build = open_build(path)
    if is_remote(build.path):
        raise UsageError(
            f"{build.path} is in an object store.", hint="Copy the build to this machine first."
        )
    checked = check(path)
    if not checked:
        raise NotFoundError(
            f"{build.path} is not what its manifest says: {'; '.join(checked.problems[:3])}.",
            hint="oi check shows all problems.",
        )
    usage = stats(path).usage
    agreed = bool(usage.restricted() and confirm and confirm(usage))
    if (unclear := _not_to_publish(usage)) and not agreed:
        raise UsageError(
            f"Rows under {' and '.join(unclear)} would leave this machine.",
            hint="A confirmation (--yes) uploads them; --source-license names their licence.",
        )
    if usage.restricted() and not private and not agreed:
        raise UsageError(
            f"{usage.restricted():,} rows have restrictions on their use, and would be public.",
            hint=(
                "--private keeps them to yourself, --licenses=commercial builds without them, "
                "a confirmation (--yes) publishes them."
            ),
        )
    behind = (REJECTED,) if build.manifest.own and not rejected else ()
    return _upload(build.path, repository, private, behind)


def _not_to_publish(usage: Usage) -> list[str]:
    """The licences in a build that no one has stated, or that say that rows are internal."""
    return sorted({key.license for key in usage.counts} & {UNSTATED, INTERNAL})


def _upload(
    folder: os.PathLike[str], repository: str, private: bool, behind: Sequence[str]
) -> Pushed:
    """`behind` are the tables that are not uploaded."""
    import httpx2
    from huggingface_hub import DatasetCard, HfApi
    from huggingface_hub.errors import HFValidationError, LocalTokenNotFoundError

    try:
        page = DatasetCard.load(os.path.join(folder, CARD), repo_type="dataset")
        api = HfApi(endpoint=endpoint())
        url = api.create_repo(
            repository, repo_type="dataset", private=private or None, exist_ok=True
        )
        if private and not api.dataset_info(url.repo_id, timeout=timeout()).private:
            raise UsageError(
                f"{url.repo_id} already exists and is public.",
                hint="Choose another name, or make it private on the hub first.",
            )
        done = api.upload_folder(
            repo_id=url.repo_id,
            folder_path=folder,
            repo_type="dataset",
            commit_message="Open Instructions: a build",
            # what an earlier build left there would be read with this one
            delete_patterns=[f"{table}/*" for table in TABLES],
            ignore_patterns=[*(f"{table}/*" for table in behind), *([CARD] if behind else ())],
        )
        if behind:  # the card must not name tables that are not there
            page.data.configs = [c for c in page.data.configs if c["config_name"] not in behind]
            done = api.upload_file(
                repo_id=url.repo_id,
                path_or_fileobj=str(page).encode(),
                path_in_repo=CARD,
                repo_type="dataset",
                commit_message="Open Instructions: the card",
            )
    except HFValidationError as error:
        raise UsageError(f"{repository} is not the name of a repository: {error}") from error
    except LocalTokenNotFoundError as error:
        raise FetchError(
            "The hub requires a token.", hint="Run hf auth login, or set HF_TOKEN."
        ) from error
    except ValueError as error:  # what the hub says of the card
        raise OutputError(f"The hub refuses the dataset card: {error}.") from error
    except (httpx2.HTTPError, RuntimeError, OSError) as error:
        raise FetchError(
            f"{repository} could not be pushed: {in_words(error)}",
            hint="Run the same command to try again.",
        ) from error
    return Pushed(url.repo_id, str(url), str(done.oid))
