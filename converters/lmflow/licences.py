"""What is known of the rights in LMFlow's sets whose licences have no SPDX name."""

from __future__ import annotations

from open_instructions.catalogue import Terms, Use

LICENSES = (
    (
        "LicenseRef-MedMCQA-MIT-or-Apache",
        Terms(
            Use.UNCLEAR,
            "the repository says MIT, the hub's loader Apache-2.0, and the rights in the exam "
            "questions are not stated",
            attribution=True,
        ),
    ),
    (
        "LicenseRef-MedQA-exam-rights-unclear",
        Terms(Use.UNCLEAR, "the repository is MIT, the rights in the exam questions are unclear"),
    ),
    (
        "LicenseRef-NaturalInstructions-unknown",
        Terms(Use.UNCLEAR, "the task states no licence"),
    ),
    ("LicenseRef-LMFlow-unstated", Terms(Use.UNCLEAR, "nobody states a licence")),
)
