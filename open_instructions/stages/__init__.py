"""The cleaning stages, one file or folder each. A stage is a pure function: a conversation ->
conversations and rejects.

record_rules  applies the source's own rules on raw records
structure     turns drafts into valid conversations
license       filters by licence where the recipe asks for it
html          turns HTML into the Markdown that it was rendered from
defects       applies the source's own rules on messages
phrases       rejects blocked words, refusals and service messages where the recipe asks for it
gaps          rejects conversations with a gap where the recipe asks for it
language      adds a label and a score; filters by them where the recipe asks for it
split         counts tokens; splits conversations over the limit between turns

`order` lists them in order; `definition` describes an entry of that list.
"""
