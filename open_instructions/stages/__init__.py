"""The cleaning stages, one file or folder each. A stage is a pure function: a conversation ->
conversations and rejects.

record_rules  the rules on raw records that stand in the source's file
structure     drafts become valid conversations
license       a filter by licence where the recipe asks for one
html          HTML becomes the Markdown that it was rendered from
defects       the rules on messages that stand in the source's file
phrases       blocked words, refusals, messages of the service, where a recipe asks for it
gaps          conversations with a gap are rejected where a recipe asks for it
language      a label and a score; a filter where the recipe asks for one
split         tokens are counted; what is over the limit is split between turns

`order` is the one list of them, `definition` says what it holds of each.
"""
