"""The phrases that the texts are put together from."""

from __future__ import annotations

NAMES = (
    "Amara", "Bjorn", "Chiara", "Dmitri", "Esra", "Farid", "Greta", "Hamid", "Ines", "Jovan",
    "Kenji", "Leila", "Mateo", "Noor",
)  # fmt: skip
THINGS = (
    "lanterns", "saddles", "kettles", "violins", "ladders", "tulips", "candles", "barrels",
    "compasses", "blankets", "whistles", "anvils", "teapots", "rakes", "buckets", "mirrors",
    "cushions", "trumpets", "hammocks", "padlocks",
)  # fmt: skip
PLACES = (
    "harbour", "orchard", "quarry", "library", "station", "bakery", "workshop", "greenhouse",
    "theatre", "mill",
)  # fmt: skip
OPENINGS = (
    "{name} keeps {a} {thing} in a shed behind the {place}.",
    "At the {place}, a cart arrives with {a} {thing} before noon.",
    "A club orders {a} {thing} so that the {place} can reopen in spring.",
    "When the {place} was sold, {name} inherited {a} {thing}.",
    "There are {a} {thing} on the long shelf of the {place}.",
    "{name} counts {a} {thing} after the storm has passed over the {place}.",
    "For the fair, the {place} lends {name} a total of {a} {thing}.",
    "Last winter {name} repaired {a} {thing} and stored them near the {place}.",
)
MIDDLES = (
    "Every week {b} of them are given away, and {c} new ones come back by boat.",
    "A neighbour borrows {b}, breaks {c} and pays for the broken ones in coins.",
    "Of these, {b} are painted green while {c} are left without any paint.",
    "Then {b} more are bought at a price of {c} crowns for each one.",
    "Half of the visitors take {b} apiece, but {c} visitors take nothing at all.",
    "Because of rust, {b} must be thrown out and {c} need a second coat of oil.",
    "On Monday {b} are sold, and on Tuesday {c} times as many leave the shop.",
    "The children hide {b} under the stairs and forget {c} in the garden.",
)
ENDINGS = (
    "How many {thing} are left when the week is over?",
    "What is the smallest number of boxes that holds all of the {thing}?",
    "How many crowns does {name} earn if each one brings four?",
    "By how much does the stock of {thing} change over two such weeks?",
    "What share of the {thing} is still at the {place}?",
    "How many {thing} would each of three friends receive?",
)
SUBJECTS = (
    "tidal basins", "copper alloys", "river deltas", "woollen fabrics", "stone arches",
    "glacial lakes", "printing presses", "medieval guilds", "reed instruments", "coral islands",
    "steam engines", "desert shrubs", "grain markets", "optical lenses", "paper mills",
)  # fmt: skip
PROPERTIES = (
    "lose heat slowly", "resist salt water", "carry weight evenly", "attract small insects",
    "bend without breaking", "reflect red light", "store moisture", "grow in thin layers",
    "divide a current", "require shared labour", "change with the season", "absorb loud sounds",
)  # fmt: skip
STEMS = (
    "Which of the following best explains why {subject} tend to {prop} after a long period of {x}?",
    "A researcher who studies {subject} in the north notices that they {prop}. What follows "
    "about their {x}?",
    "In the usual account of {subject}, what is the main reason that they {prop} under {x}?",
    "Suppose that {subject} could no longer {prop}. Which change in {x} would be seen first?",
    "Which statement about {subject} is consistent with the claim that they {prop} during {x}?",
    "According to the theory of {x}, at what point do {subject} begin to {prop}?",
)
CONDITIONS = (
    "steady rainfall", "rapid trade", "low pressure", "uneven wear", "public neglect",
    "strong sunlight", "repeated freezing", "sudden expansion", "careful pruning", "open conflict",
)  # fmt: skip
OPTIONS = (
    "the outer layer hardens first", "demand falls in small towns", "the pressure is equalised",
    "no single cause is enough", "older parts are replaced", "the effect is reversed at night",
    "costs rise faster than income", "the surface becomes rough", "both ends move together",
    "the process starts again", "it depends on the depth", "neighbours copy the method",
)  # fmt: skip
SHORT = (
    "Who designed the {thing} of the {place}?",
    "When did {name} open the {place}?",
    "How heavy are {a} {thing}?",
    "Where does {name} keep {thing}?",
)
BOILERPLATE = (
    "Answer the following question as well as you can, and explain every step of your reasoning.",
    "Which of the following statements is correct? Choose one option and give a short reason.",
    "You are a helpful assistant. Read the text below carefully and answer the question at its "
    "end.",
    "Solve the problem step by step. Write the final result on a line of its own after the word "
    "Answer.",
)
FILLER = (
    "The path follows the ridge for an hour before it drops to the water.",
    "Most letters were answered within a month, and a few were never answered.",
    "She preferred the older edition, with its wide margins and plain cover.",
    "Nobody had expected the second bell, so the hall stayed half empty.",
    "It takes patience to tune the strings when the air is this dry.",
    "They agreed to meet again once the accounts had been checked.",
    "A thin layer of frost made the roof look newly painted.",
    "The recipe calls for less sugar than most people would use.",
)
CHINESE_THINGS = ["灯笼", "茶壶", "木桶", "风筝", "瓷碗", "竹篮", "毛毯", "铜镜", "纸伞", "木梳"]
CHINESE_NAMES = ["小林", "阿珍", "老周", "小梅", "大勇", "玉兰"]
CHINESE = (
    "{name}的仓库里有{a}个{thing}，每天卖出{b}个，又送来{c}个，一周以后仓库里还剩下多少个？",
    "集市上{name}用{a}元买了{b}个{thing}，后来以每个{c}元的价格全部卖掉，她一共赚了多少元？",
    "{name}把{a}个{thing}平均放进{b}个箱子，路上摔坏了{c}个，最后每个箱子里最多有几个完好的？",
    "为了准备庙会，{name}借来{a}个{thing}，其中{b}个漏水，{c}个没有盖子，可以使用的有几个？",
)
