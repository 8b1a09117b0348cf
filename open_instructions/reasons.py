"""Why a record or a message is rejected."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why a record or a message is in rejected/. The list is closed: code that needs another reason
    adds it here."""

    # the reader
    INVALID_JSON = "invalid_json"
    INVALID_UTF8 = "invalid_utf8"
    TRUNCATED = "truncated"
    TOO_DEEP = "too_deep"
    NOT_AN_OBJECT = "not_an_object"
    REPEATED_KEY = "repeated_key"
    EMPTY_FILE = "empty_file"
    # converters
    UNEXPECTED_SHAPE = "unexpected_shape"
    UNKNOWN_ROLE = "unknown_role"
    NO_TEXT = "no_text"
    CONTRADICTION = "contradiction"
    REPEATED_TURN = "repeated_turn"
    TOOL_CALL = "tool_call"
    LOST_CONTEXT = "lost_context"
    # layouts
    UNKNOWN_LAYOUT = "unknown_layout"
    AMBIGUOUS_LAYOUT = "ambiguous_layout"
    NOT_A_CONVERSATION = "not_a_conversation"
    UNSUPPORTED_MODALITY = "unsupported_modality"
    BAD_ARGUMENTS = "bad_arguments"
    NOT_ON_PATH = "not_on_path"
    UNPAIRED_LABEL = "unpaired_label"
    TIE = "tie"
    EQUAL_ANSWERS = "equal_answers"
    DIFFERENT_PROMPTS = "different_prompts"
    ONE_ANSWER = "one_answer"
    NO_SCORES = "no_scores"
    # structure
    EMPTY = "empty"
    NO_ANSWER = "no_answer"
    NO_PROMPT = "no_prompt"
    NO_PAIR = "no_pair"
    MISPLACED_SYSTEM = "misplaced_system"
    CALL_WITHOUT_RESULT = "call_without_result"
    RESULT_WITHOUT_CALL = "result_without_call"
    GAP = "gap"
    # any stage, if its code fails on a record
    STAGE_FAILED = "stage_failed"
    # html
    INVALID_HTML = "invalid_html"
    # license
    LICENSE = "license"
    # html
    TOO_LARGE = "too_large"
    # defects
    EXPORT_BANNER = "export_banner"
    PLACEHOLDER = "placeholder"
    # phrases
    BLOCKED_WORD = "blocked_word"
    REFUSAL = "refusal"
    SERVICE_MESSAGE = "service_message"
    TOO_SHORT = "too_short"
    # language, duplicates, split
    LANGUAGE = "language"
    DUPLICATE = "duplicate"
    OVERLONG = "overlong"
    CUT_OFF = "cut_off"
    # near duplicates
    NEAR_DUPLICATE = "near_duplicate"
    SHORTER_VERSION = "shorter_version"
    # contamination
    CONTAMINATED = "contaminated"
    # mix
    NOT_SAMPLED = "not_sampled"


WITHOUT_TEXT = frozenset({"not_sampled", "excluded"})
"""Reasons that keep the origin of a row in place of its text."""
