"""The originals of LMFlow's medical sets. Every prompt of a set follows one template:

PubMedQA   {each of CONTEXTS, a blank line between}  Question: {QUESTION}
           -> "{Yes | No | Maybe}. {LONG_ANSWER}"
MedMCQA    {question}  A. {opa}  B. {opb}  C. {opc}  D. {opd}
           -> "{letter}. {text}" and `exp`
MedQA      {question}  A. {option}  …                                          -> "{letter}. {text}"
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from open_instructions.catalogue import Example, File, Hub, Subset, github
from open_instructions.layouts.fields import leftover, missing_fields, pair, question
from open_instructions.schema import Draft, Reason, Record, Reject

from .choices import MEDMCQA_PROBE, absent, brief, medmcqa, medqa

_DECISIONS = ("yes", "no", "maybe")
_UPSTREAM = ("PMID", "QUESTION", "CONTEXTS", "LONG_ANSWER")
_HUB = ("pubid", "question", "contexts", "long_answer")


def pubmedqa(record: Record) -> Iterator[Draft | Reject]:
    """The hub's copy has lower-case names, and puts the parts of the abstract into `context`."""
    around = record.get("context")
    abstract, fields = record, _UPSTREAM
    if "QUESTION" not in record and isinstance(around, dict):
        abstract, fields = around, _HUB
    of_hub = fields is _HUB
    name_field, asked_field, contexts_field, answer_field = fields
    contexts = abstract.get(contexts_field)
    wrong = missing_fields(record, asked_field)
    if wrong or not isinstance(contexts, list) or not all(isinstance(c, str) for c in contexts):
        yield Reject(Reason.UNEXPECTED_SHAPE, wrong or f"no list of texts in {contexts_field}")
        return
    decision, answer = record.get("final_decision"), record.get(answer_field)
    if absent(decision) and not isinstance(answer, str):
        yield Reject(Reason.NO_ANSWER, f"neither final_decision nor {answer_field}")
        return
    decided = decision.strip().lower() if isinstance(decision, str) else decision
    if not absent(decision) and decided not in _DECISIONS:
        detail = f"final_decision is {brief(decision)}, and not yes, no or maybe"
        yield Reject(Reason.UNEXPECTED_SHAPE, detail)
        return
    parts = []
    if not absent(decision):
        parts.append(f"{str(decided).capitalize()}.")
    if isinstance(answer, str) and answer.strip():
        parts.append(answer)
    messages = pair(question(*contexts, f"Question: {record[asked_field]}"), " ".join(parts))
    # the key of a record is also its name on the hub
    name = record.get("PMID", record.get(name_field))
    own = f"pubmedqa/{name}" if isinstance(name, str) or type(name) is int else None
    used = [asked_field, "context" if of_hub else contexts_field]
    if own:
        used.append("PMID" if "PMID" in record else name_field)
    if isinstance(answer, str):
        used.append(answer_field)
    metadata = leftover(abstract, (contexts_field,)) if of_hub else {}
    yield Draft(messages, id=own, metadata=metadata, used=used)


# Non-words that are left when "rt" is lost: from artery, heart, birth, … If the loss leaves another
# word (aerial, report as "repo", part as "pa"), it cannot be detected.
_NO_RT = re.compile(
    r"""\b(?:aer(?:y|ies|itis|iol\w*|ios\w*)|hea|bihs?|(?:anti)?hypeensi\w+|moality|ahr(?:itis|algia)|sta(?:s|ed|ing)|inse(?:ion|ed|ing)
    |aboions?|(?:in)?fei(?:le|lity|li[sz]\w+)|impoan(?:t|ce)|fuher\w*|pubey|co(?:ical|ex|isol|isone)|\w*coic(?:al|oi\w+|o\w*|s?teroid\w*)
    |cailag\w+|aoi?c|sho(?:er|est|ly|ness)|(?:post)?paum|(?:inter)?veebra\w*|depament\w*|propoion\w*|prope(?:y|ies)|poal
    |pai(?:al|ally|cles?|cipa\w+|tion)|\w*hyperoph\w+|hypehyroid\w+|ceai\w+|ceif\w+|aspaate|repo(?:ed|ing)|suppoive|transpo(?:er|ation)|uicari\w+
    |undeaken|oho(?:static|paedic\w*|pedic\w*)|ve(?:igo|ical\w*)|compament\w*|diveicul\w+|exeion\w*|asseions?|con?ve(?:ed|ing)|foified
    |distoed|discomfo|a[ie]facts?|aic(?:les?|ula\w+)|kaagener\w*|saorius|\w+saan|(?-i:[Ss]ta|[Ss]ho))\b""",
    re.I | re.X,
)


def mark_missing_rt(record: Record) -> Record:
    """A record in which a word has lost its letters "rt", as in "aery" and "hypeension", is
    marked."""
    texts = (record.get(name) for name in ("question", "exp", "opa", "opb", "opc", "opd"))
    if any(isinstance(text, str) and _lacks_rt(text) for text in texts):
        return dict(record)
    return record


def _lacks_rt(text: str) -> bool:
    return any(not found[0].isupper() for found in _NO_RT.finditer(text))  # BIH is a disease


def drop_stray_quote(record: Record) -> Record:
    """An unopened quotation mark is removed from the end of a question."""
    text = record.get("question")
    if isinstance(text, str) and text.rstrip().endswith('"') and text.count('"') == 1:
        return {**record, "question": text.rstrip()[:-1].rstrip()}
    return record


_PUBMEDQA_HUB = "607a104f8f2bdc1db8e9515d325a83c6aa35d4c1"
_PUBMEDQA = (
    File(
        "ori_pqal.json",
        (github("pubmedqa/pubmedqa", "master", "data/ori_pqal.json"),),
        2_584_787,
        ("8b3276be8942ebbd77f3ddcda12c1749bf0e490045a736fd8438ee40cf37a41d",),
    ),
    File(
        "ori_pqaa.json",
        (Hub("qiaojin/PubMedQA", "data/ori_pqaa.json", _PUBMEDQA_HUB),),
        533_377_829,
        ("d4a2234356e5a68321de65303d45f2d2b15dfbe22ba73d71d6d933d5f92570f9",),
    ),
    File(
        "ori_pqau.json",
        (Hub("qiaojin/PubMedQA", "data/ori_pqau.json", _PUBMEDQA_HUB),),
        151_920_084,
        ("ad31a03851e7ee232dc4b7bf2f6853f50685d27abe4924d0215c54884596d7fa",),
    ),
)
_MEDMCQA_HUB = "88ebeccf8a7c57143bd55125254033927e5a0f3c"
_MEDMCQA = (
    File(
        "medmcqa/train.json",
        (Hub("lighteval/med_mcqa", "train.json", _MEDMCQA_HUB),),
        None,
        ("afa1b32379409fce3090a39411a769e5f1739d8bd2c43acb0806a3e070f711ba",),
    ),
    File("medmcqa/dev.json", (Hub("lighteval/med_mcqa", "dev.json", _MEDMCQA_HUB),)),
    File("medmcqa/test.json", (Hub("lighteval/med_mcqa", "test.json", _MEDMCQA_HUB),)),
)
_MEDQA = (
    File(
        "data_clean.zip",
        (
            Hub("bigbio/med_qa", "data_clean.zip"),
            Hub("fzkuji/MedQA", "data_clean.zip", "46b60717c891a8aac8f4f285f9ffbd3b0c443bb3"),
        ),
        131_741_885,
        ("1c2ca8130b3d86d9a99a432ab9bef14f3bb9807bef20facd9ac86ba36960f629",),
    ),
)


MEDICAL_SUBSETS = (
    Subset(
        "pubmedqa",
        files=("ori_pqal.json", "ori_pqaa.json", "ori_pqau.json"),
        fields=frozenset({"QUESTION", "CONTEXTS"}),
        other_fields=(frozenset({"question", "context"}),),
        telling=(
            frozenset({"QUESTION", "CONTEXTS"}),
            frozenset({"pubid", "question", "context", "long_answer"}),
            frozenset({"question", "context", "long_answer", "final_decision"}),
        ),
        downloads=_PUBMEDQA,
        languages=("en",),
        engine="human",
        license="MIT",
        records=273518,
        format="object",
        key_field="PMID",
        id="pubmedqa/{stem}/{row:06d}",
        any_name=True,
        convert=pubmedqa,
        note=(
            "1,000 labelled, 211,269 with decisions made by rule, 61,249 without decisions. The "
            "hub's shape can be read too. The abstracts belong to their publishers."
        ),
    ),
    Subset(
        "medmcqa",
        files=("medmcqa/train.json", "medmcqa/dev.json", "medmcqa/test.json"),
        fields=frozenset({"question", "opa", "opb", "opc", "opd"}),
        probe=MEDMCQA_PROBE,
        downloads=_MEDMCQA,
        by_hand=(
            "Upstream offers data.zip on Google Drive only. Open "
            "https://drive.google.com/file/d/15VkJdq5eyWIkfb_aoD3oS8i4tScbHYky/view, download it "
            "into a folder named medmcqa, and pass the folder that contains it as --data-dir; "
            "there is no need to unpack it. oi fetch takes a copy on the hub."
        ),
        languages=("en",),
        engine="human",
        license="LicenseRef-MedMCQA-MIT-or-Apache",
        records=193155,
        id="medmcqa/{stem}/{row:06d}",
        any_name=True,
        convert=medmcqa,
        note=(
            "JSON Lines despite the name .json. The repository says MIT, the hub's loader "
            "Apache-2.0. The test split has no answers."
        ),
    ),
    Subset(
        "medqa",
        files=("US/*.jsonl", "Mainland/*.jsonl", "Taiwan/*.jsonl"),
        fields=frozenset({"question", "options", "answer_idx"}),
        other_fields=(frozenset({"question", "options", "answer"}),),
        telling=(
            frozenset({"question", "options", "answer_idx"}),
            frozenset({"question", "options", "answer", "meta_info"}),
            frozenset({"question", "answer", "options.key", "options.value"}),
        ),
        downloads=_MEDQA,
        languages=("en", "zh-Hans", "zh-Hant"),
        engine="human",
        license="LicenseRef-MedQA-exam-rights-unclear",
        records=61097,
        id="medqa/{stem}/{row:06d}",
        any_name=True,
        other_forms=("*_qbank.jsonl", "4_options/*", "metamap*/*"),
        path_parts=2,
        convert=medqa,
        note=(
            "US 12,723 with five options, Mainland 34,251, Taiwan 14,123. The hub's shapes can be "
            "read too. The repository is MIT; the exams' rights are unclear."
        ),
    ),
)

MEDICAL_EXAMPLES = (
    Example(
        {
            "question": 'Which is a bone?"',
            "options": {"A": "Aorta", "B": "Femur"},
            "answer_idx": "B",
        },
        ((("user", "Which is a bone?\n\nA. Aorta\nB. Femur"), ("assistant", "B. Femur")),),
        subset="medqa",
    ),
    Example(
        {
            "PMID": "900",
            "QUESTION": "Does tea help?",
            "CONTEXTS": ["Ten drank tea.", "Six slept."],
            "final_decision": "yes",
            "LONG_ANSWER": "Tea helps.",
        },
        (
            (
                ("user", "Ten drank tea.\n\nSix slept.\n\nQuestion: Does tea help?"),
                ("assistant", "Yes. Tea helps."),
            ),
        ),
        subset="pubmedqa",
    ),
    Example(
        {
            "question": "Which pumps blood?",
            "cop": 2,
            "opa": "Liver",
            "opb": "Heart",
            "opc": "Lung",
            "opd": "Skin",
            "exp": None,
            "subject_name": "Physiology",
        },
        (
            (
                ("user", "Which pumps blood?\n\nA. Liver\nB. Heart\nC. Lung\nD. Skin"),
                ("assistant", "B. Heart"),
            ),
        ),
        subset="medmcqa",
        index_base=1,
    ),
    Example(
        {
            "question": "Which stores bile?",
            "cop": 3,
            "opa": "Liver",
            "opb": "Spleen",
            "opc": "Stomach",
            "opd": "Gallbladder",
        },
        (
            (
                ("user", "Which stores bile?\n\nA. Liver\nB. Spleen\nC. Stomach\nD. Gallbladder"),
                ("assistant", "D. Gallbladder"),
            ),
        ),
        subset="medmcqa",
        index_base=0,
    ),
    Example(
        {
            "question": "Which aery is the largest?",
            "cop": 1,
            "opa": "Aoa",
            "opb": "Coronary",
            "opc": "Renal",
            "opd": "Ulnar",
        },
        (
            (
                ("user", "Which aery is the largest?\n\nA. Aoa\nB. Coronary\nC. Renal\nD. Ulnar"),
                ("assistant", "A. Aoa"),
            ),
        ),
        subset="medmcqa",
        index_base=1,
    ),
    Example(
        {"question": "Which?", "opa": "1", "opb": "2", "opc": "3", "opd": "4"},
        ("no_answer",),
        subset="medmcqa",
    ),
    Example(
        {
            "question": "Which is a bone?",
            "answer": "Femur",
            "options": {"A": "Aorta", "B": "Femur"},
            "answer_idx": "B",
            "meta_info": "step1",
        },
        ((("user", "Which is a bone?\n\nA. Aorta\nB. Femur"), ("assistant", "B. Femur")),),
        subset="medqa",
    ),
    Example(
        {
            "question": "Which is a bone?",
            "answer": "Femur",
            "options": [{"key": "A", "value": "Aorta"}, {"key": "B", "value": "Femur"}],
        },
        ((("user", "Which is a bone?\n\nA. Aorta\nB. Femur"), ("assistant", "B. Femur")),),
        subset="medqa",
    ),
    Example(
        {
            "question": "Which is a bone?",
            "answer": "Femur",
            "options": {"A": "Aorta", "B": "Femur"},
            "answer_idx": "A",
        },
        ("contradiction",),
        subset="medqa",
    ),
    Example(
        {
            "pubid": 900,
            "question": "Does tea help?",
            "context": {
                "contexts": ["Ten drank tea.", "Six slept."],
                "labels": ["METHODS", "RESULTS"],
            },
            "long_answer": "Tea helps.",
            "final_decision": "yes",
        },
        (
            (
                ("user", "Ten drank tea.\n\nSix slept.\n\nQuestion: Does tea help?"),
                ("assistant", "Yes. Tea helps."),
            ),
        ),
        subset="pubmedqa",
    ),
)
