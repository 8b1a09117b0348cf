"""Other ways to write the languages' labels: names, and codes of other standards. An error message
can then suggest the label."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from functools import cache

_TABLE = """
af afr Afrikaans
am amh Amharic
ar ara Arabic
az aze Azerbaijani, Azeri
be bel Belarusian
bg bul Bulgarian
bn ben Bengali, Bangla
br bre Breton
bs bos Bosnian
ca cat Catalan
cs ces cze cz Czech
cy cym wel Welsh
da dan dk Danish
de deu ger German, Deutsch
el ell gre gr Greek
en eng English
eo epo Esperanto
es spa Spanish, Castilian, Español
et est Estonian
eu eus baq Basque
fa fas per Persian, Farsi
fi fin Finnish
fo fao Faroese
fr fra fre French, Français
fy fry Frisian
ga gle Irish
gd gla Scottish Gaelic
gl glg Galician
gu guj Gujarati
ha hau Hausa
he heb iw Hebrew
hi hin Hindi
hr hrv Croatian
ht hat Haitian Creole
hu hun Hungarian
hy hye arm Armenian
id ind in Indonesian
ig ibo Igbo
is isl ice Icelandic
it ita Italian, Italiano
ja jpn jp Japanese, 日本語
jv jav jw Javanese
ka kat geo Georgian
kk kaz Kazakh
km khm Khmer, Cambodian
kn kan Kannada
ko kor kr Korean, 한국어
ky kir Kyrgyz
la lat Latin
lb ltz Luxembourgish
lg lug Luganda
lo lao Lao
lt lit Lithuanian
lv lav Latvian
mg mlg Malagasy
mi mri mao Māori, Maori
mk mkd mac Macedonian
ml mal Malayalam
mn mon Mongolian
mr mar Marathi
ms msa may Malay
mt mlt Maltese
my mya bur Burmese
ne nep Nepali
nl nld dut Dutch, Flemish
no nor nb nob nn nno Norwegian, Bokmål, Nynorsk
nso Northern Sotho, Sepedi
or ori ory Odia, Oriya
pa pan Punjabi, Panjabi
pl pol Polish
ps pus Pashto
pt por Portuguese, Português
ro ron rum Romanian, Moldovan
ru rus Russian, Русский
rw kin Kinyarwanda
si sin Sinhala
sk slk slo Slovak
sl slv Slovenian, Slovene
sn sna Shona
so som Somali
sq sqi alb Albanian
sr srp Serbian
st sot Sesotho, Southern Sotho
sv swe Swedish
sw swa swh Swahili
ta tam Tamil
te tel Telugu
th tha Thai
tk tuk Turkmen
tl tgl fil Tagalog, Filipino
tn tsn Tswana, Setswana
tr tur Turkish
ts tso Tsonga
tt tat Tatar
ug uig Uyghur
uk ukr ua Ukrainian
ur urd Urdu
uz uzb Uzbek
vi vie vn Vietnamese
xh xho Xhosa
yo yor Yoruba
zh zho chi cn cmn Chinese, Mandarin, 中文
zh-Hans zh-cn zh-sg Simplified Chinese
zh-Hant zh-tw zh-hk zh-mo Traditional Chinese
zu zul Zulu
und unknown Undetermined
"""
"""Label, then codes in lower case, then names with a capital letter or in their own script."""


def _rows() -> Iterator[tuple[str, list[str], list[str]]]:
    for line in _TABLE.strip().splitlines():
        label, *rest = line.split(" ")
        codes = [word for word in rest if word.isascii() and word.islower()]
        yield label, codes, " ".join(rest[len(codes) :]).split(", ")


@cache
def _called() -> dict[str, str]:
    """The label for each name and code, both in lower case."""
    return {
        name.lower(): label for label, codes, names in _rows() for name in (label, *codes, *names)
    }


@cache
def names() -> dict[str, str]:
    """The English name of each label."""
    return {label: known[0] for label, _, known in _rows()}


def meant(given: str) -> str:
    """The label that somebody may have meant; "" if there is none.

    >>> meant("english"), meant("cn"), meant("pt_BR"), meant("klingon")
    ('en', 'zh', 'pt', '')
    """
    wanted = given[:100].strip().lower().replace("_", "-")
    known = _called()
    for name in (wanted, wanted.partition("-")[0]):
        if name in known:
            return known[name]
    if len(wanted) < 4:  # codes that differ in one letter mean different languages
        return ""
    near = difflib.get_close_matches(wanted, known, n=1, cutoff=0.75)
    if near:
        return known[near[0]]
    return ""
