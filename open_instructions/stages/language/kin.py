"""Tells closely related languages apart by their words, where the model confuses them.

The model does not know Tswana, Tsonga and Māori, and labels them as their neighbours. It tends to
label Bosnian as Croatian, and Malay as Indonesian. Here frequent words add to the score of the
language that has them.
"""

from __future__ import annotations

import re
from collections.abc import Callable

UNKNOWN_TO_THE_MODEL = ("mi", "tn", "ts")

FAMILIES = tuple(
    frozenset(family.split())
    for family in (
        "id ms",
        "bs hr sr",
        "nso st tn",
        "lg sn sw ts xh zu",
        "da no sv",
        "ca es gl pt",
        "cs sk",
        "hi mr ne",
        "be ru uk",
        "bg mk",
    )
)
"""Neighbours: a few sentences in one of these languages get the label of another, but that does not
make a text mixed."""

_WORDS = {
    label: frozenset(words.split())
    for label, words in {
        "tn": """
            a ba ban bane bangwe batho batla bo bolo bona bonang bone botlhe bua di dikgang dikgwa
            dingwe dira dirisa ditiro e ene fa fela ga gago gagwe gape go gona gongwe gonne gore
            gotlhe itse jaaka jaalo jaana jaanong jalo jang jo jone jotlhe jwa jwalo ka kana ke
            kgang kgotsa kwa la le lefatshe leina lengwe lo lone lotlhe mme mo mongwe moo morago
            motho na naga ne nna nne nngwe ntle ntlha ntse o otlhe pele puso re rona sa se sengwe
            setse sone sotlhe teng thata tiro tla tlaa tlhalosa tlhoka tlhola tota tsa tsamaya tse
            tsele tsone tsotlhe tswa wa ya yo yone yotlhe
            """,
        "nso": """
            a ba bangwe bao batho bja bjale bjalo bjang bjo bo bohle boledi bona di dingwe e efe
            efela eupša fao fapana feela fela fetše fihla ga gabo gago gagwe gape ge go goba
            gobane godimo gomme gona gore gwa ile ka ke kgole kudu la le lego lehono leina leo
            lona ma mang mo mohlala moka mola mongwe moo motho mošomo na naa nako ntle o re rena
            sa se sengwe seo tla tlo tša tše tšeo tšhelete tšohle tšona tšwa wa wo ya yeo yo yohle
            yona šoma šomiša
            """,
        "st": """
            a ba bang bao batho bo bohle bona di dintho ditho e ea empa ena eo esale etsa feela ha
            hae haeba haholo hang hao hape hi ho hobane hodima hoja hona hore joale joalo jwale
            jwalo jwang ka kamoo kaofela kapa ke ketso kgotla la le leha leo li lintho lona ma
            mang me mme mo mong motho na nako ne neng ngata ntho ntse o oa oo re rona sa se seo
            teng tla tlase tlhoko tsa tse tsena tseo tsohle tsona wa ya yena yohle yona
            """,
        "ts": """
            a ehandle ehansi ehenhla eka emahlweni endlela endzeni endzhaku etikweni exikarhi
            hambi hi hikuva hikwalaho hina hinkwaswo hinkwavo hinkwayo i ka kahle kambe kona ku
            kumbe kun'wana kutani kuva la laha lava lavo lembe leri leswaku leswi leti lexi leyi
            lin'wana loko lowu loyi masiku mbirhi mfumo mi munhu n'wana n'wi n'wina na naswona
            ndzi nga ngopfu nkarhi ntirho ntsena oxa ra ri rona swa sweswi sweswo swi swilo
            swin'wana swona ta tano ti tiko tin'wana u va van'wana vanhu vona vutomi wa xa xi
            xikwembu xin'wana xona ya yena yi yin'wana yona
            """,
        "sn": """
            ari asi chete chimwe haana here imwe ino iri iye iyezvino iyi iyo izvi izvo kana kubva
            kuna kune kuti kwete mumwe mune munhu muno ndi ne nekuti nguva nhasi nokuti pa
            pamusoro pane panguva rimwe sei sezvo shure uye uyo vakawanda vamwe vanhu vari
            zvakadai zvakare zvikuru zvimwe zvinhu zvino zvose
            """,
        "sw": """
            ama au baada bila cha hadi hata hii hili hilo hiyo huko huo huyo kabla kama katika
            kila kisha kutoka kuwa kwa kwamba kwenye la lakini mtu na nchi ni pamoja pia sana sasa
            siku tu vya wa wakati wake watu ya yake yao yeye za zaidi
            """,
        "zu": """
            abantu ehlukile eminye ezinye futhi kakhulu kanje kanye kodwa konke kuphela kusho
            kwabo laba le lo lokhu loku lona ma manje ngemuva ngoba ngokuthi nje nokuthi noma
            okuningi okwamanje phakathi ukuba ukuthi ukuze uma umuntu uthi wonke yena yilokhu yini
            zonke
            """,
        "xh": """
            abantu bonke ekubeni eli enye ezinye kakhulu kodwa konke kuba kunye kuphela kwaye kwi
            le lo lokuba lowo mna nangona nayo ngaphandle ngenxa ngokuba njalo nje njengoko nto
            okanye okokuba phakathi phantsi ukuba ukuze umntu ungakwazi wakhe xa xana yaye ye yena
            zonke
            """,
        "lg": """
            abantu buli bwe bwonna bya byonna ddi ebya eky era eri ffe gwe kale kati ku kubanga
            kye lwa lwaki mu n'oku naye ne ng'oyo nga nnyo nti nyo oba okuba okutuusa okuva olwa
            omu omuntu oyo wano wansi we ya ye yekka yonna
            """,
        "bs": """
            april aprila august augusta avgusta banja banjaluka bezbjednost bih bosanska bosanske
            bosanski bosanskohercegovačka bosanskohercegovačke bosanskohercegovački bosanskom
            bosna bosne bosni bosnu bošnjaci bošnjak bošnjaka bošnjačke bošnjački bošnjačkog
            decembar decembra desila desilo desio dešava entitet entiteta evropa evrope evropi
            evropska evropske evropski evropskih evropskog evropskoj evropsku evropu fajl fajla
            fajlova fajlove februar februara federacije federaciji finansija finansije finansijska
            finansijske finansijski finansijskih fudbal fudbala fudbaler fudbalska fudbalski
            hemija hemije hemijski hercegovina hercegovine hercegovini hercegovinu hiljada
            hiljadama hiljade hiljadu historija historije historiji historijske historijski
            historijskih historiju hljeb hljeba hronika januar januara jul jula jun juna kafa kafe
            kafu kancelarija kancelarije kanton kantona kantonalni kantonu kašika ko kompanija
            kompanije kompaniji kompaniju komšija komšije krivično lahko lično maj maja mart marta
            mehko muzika muzike muziku muzički nauka nauke nauku naučni naučnici naučnik neko
            nezavisno niko novembar novembra oblast oblasti oktobar oktobra opština opštine ostrva
            ostrvo pasoš pasoša penzija penzije porodica porodice porodici porodicu pozorišta
            pozorište preduzeća preduzeće prevod prevoz procenat procenata projekat saobraćaj
            saobraćaja saopćenje saopćeno saopćio saradnja saradnje saradnji saradnju sarajeva
            sarajevo sarajevu sarađuje sedmica sedmice sedmici sedmicu septembar septembra sistem
            sistema sistemi sistemu sopstvene sopstveni spisak spiska sprovesti srpske stepen
            stepena stepeni sudija sudije tabela tabele tabelu takmičenja takmičenje takmičenju
            takođe tačka tačke tačku tačno tokom tuzla tuzle tuzli tužilac tužilaštva tužilaštvo
            uhapšen univerzitet univerziteta univerzitetu uslov uslova uslove uslovi uslovima
            uticaj uticaja učesnici učesnik učestvovali učestvovao učestvovati učestvuje učešće
            vanredni voz voza zavisi zenica zenici zvanične zvanični zvaničnici zvaničnik zvanično
            šta
            """,
        "hr": """
            dubrovnik europa europe europi europska europske europski europskih europskog
            europskoj europsku europu financija financije financijska financijske financijski
            financijskih glazba glazbe glazbeni glazbu glede hrvata hrvati hrvatska hrvatske
            hrvatski hrvatskih hrvatskim hrvatskog hrvatskoga hrvatskoj hrvatskom hrvatsku
            izbornik izravno izvanredno izvješća izvješće kava kave kavu kazališta kazalište
            kazneno kemija kemije kemijski kirurg knjižnica knjižnice kolovoz kolovoza kronika
            kruh kruha lipanj lipnja listopad listopada mirovina mirovine nadalje nadnevak
            nadnevka natjecanja natjecanje natjecanju nazočni nazočnost neovisno nitko nogomet
            nogometa nogometaš nogometni opskrba osijek osijeku osobito osobno ovisi ozračje
            ožujak ožujka područja područje području postotak povijesni povijesnih povijest
            povijesti prijevod prijevoz primjerice priopćenje priopćio prosinac prosinca putovnica
            putovnice rabi rabiti ravnatelj ravnatelja ravnateljica rujan rujna sabor siječanj
            siječnja skupina skupine skupini skupinu srpanj srpnja studeni studenog studenoga
            stupanj stupnja stupnjeva suca sudac sudionici sudionik sudionika sudjelovali
            sudjelovanje sudjelovao sudjelovati sudjeluje suradnja suradnje suradnji suradnju
            sustav sustava sustavi sustavom sustavu svatko sveučilišta sveučilište sveučilištu
            svibanj svibnja tajništvo tijekom tisuća tisuće tisuću tjedan tjedna tjedni tjedno
            tjednu tko točka točke točku točno travanj travnja tvornica tvornice tvrtka tvrtke
            tvrtki tvrtku uhićen uhićeni umirovljenici uporaba uporabe utjecaj utjecaja utjecaju
            uvjet uvjeta uvjete uvjeti uvjetima veleposlanik veleposlanstvo veljača veljače vlak
            vlaka zagreb zagreba zagrebu zastupnici zastupnik znanost znanosti znanstveni
            znanstvenici znanstvenik zrakoplov zrakoplova šalica žlica županija županije županiji
            """,
        "sr": """
            cena cene deca dece dete deteta devojka gde hteli hteo izveštaj izveštaja lepo mesec
            meseca mesta mesto mleko nedelja nedelje nedelju ovde posle poslednja poslednje
            poslednji pre primer reka reke reč reči sledeće sledeći sneg sreća svet sveta svetu
            tela telo uspeh uvek veka vera vest vesti vreme zahtev zahteva čovek
            """,
        "ms": """
            adakah agensi agong akaun aktiviti almari antarabangsa awak bagaimanapun baginda
            baharu bahawa bas basikal bekas berbanding berbeza bercakap beza bilik bilion boleh
            bot budak cikgu cuba cuti daripada datuk disember doktor emak emel encik eropah esok
            fail fakulti filem fizik hendak hospital iaitu ialah identiti inggeris isteri
            jawatankuasa jepun julai jun jururawat kaji kakitangan kanak kemalangan kemaskini
            kempen kepelbagaian kerajaan kerana kereta keretapi kes kesihatan khamis kilang
            komuniti kreativiti kualiti kuantiti kumpulan laluan lebuhraya mac mahu manakah
            manakala markah matematik memandu mesej mesti muzik nombor ogos padam papar paparan
            parlimen pasaran pautan peguam pejabat pelajar pelakon pelancong pelancongan pelayar
            pengarah pengerusi pengetua penolong pensyarah penyelidik penyelidikan peperiksaan
            peratus perisian perkakasan perlawanan perniagaan pertubuhan pesakit petang polis puan
            ringgit sahaja sains saintis sebarang sekiranya selepas seluar semak senarai seronok
            sesiapa setiausaha sila sokongan syarikat tayar telefon televisyen terhad terutamanya
            tetapan tuala ubat universiti wang
            """,
        "id": """
            agustus aktivitas akun apotek asosiasi bahwa bandara beda belanja berbeda berbicara
            berkas besok bisa butuh celana coba demikian desember detik dibandingkan dibutuhkan
            direktur dosen enggak eropa fakultas fisika gak gratis handuk hapus identitas ilmuwan
            indonesia inggris instansi internasional istri jakarta jaringan jepang juli jumat juni
            kabupaten kalau kalian kamis kantor kapan karena karyawan kasus kebijakan kebutuhan
            kecamatan kecelakaan kemarin kesehatan kode komite komunitas kreativitas kualitas
            kuantitas laki lemari mahasiswa maret matematika membutuhkan menit miliar mobil musik
            nggak nomor obat pabrik pariwisata partai pasien pelatih pemilu peneliti penelitian
            pengacara pengadilan pengaturan peramban perangkat perawat perempuan persen perusahaan
            polisi prancis pratinjau presiden provinsi rupiah sandi sedangkan senin sepakbola
            sepatu sepeda serikat sesudah setelah siang silakan siswa situs stasiun surel tampilan
            tautan telepon televisi terbatas toko uang unduh unggah universitas wisatawan yaitu
            """,
    }.items()
}
"""Frequent words of a language that are rare or absent in its neighbours."""

_MAORI = """
    a ahau ai ake ana ano anō atu au e ēnei enei ērā ētahi etahi hei hoki i iho ka kāore kaore
    katoa ke kei ki kia ko koe kore koutou kua mai matou mātau mātou me mea mehemea mena mo mō
    mua muri na nā nei nga ngā no nō o ō ōku ōna pea pehea pēhea penei pēnei ra rā raro ratou
    rātau rātou rawa roto runga ta tā taha taku tāku tana tāna tatou tātau tātou tāua te tenei
    tēnei tera tērā tetahi tētahi to tō tōku tona tōna tonu waho āna
"""
_MAORI_WORDS = frozenset(_MAORI.split())
_MAORI_ALONE = frozenset(("kei", "ki", "kia", "kua", "nga", "ngā", "te"))
"""Every Māori sentence has one of these. Other Pacific languages with the same letters have
none."""
_MAORI_SHARE, _MAORI_LETTERS = 0.3, 0.9
_MAORI_WORD = re.compile(r"(?:(?:ng|wh|[hkmnprtw])?[aeiouāēīōū])+")
_TOKEN = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_FEW = 4
"""Texts with fewer words than this are not labelled as Māori."""
_SURE = 60.0
_EACH = 5.0
"""What each word adds to the score, in nats."""
_STAND_INS = {"tn": ("nso", "st"), "ts": ("lg", "nso", "sn", "st", "sw", "xh", "zu")}
_AGAINST = {"bs": 2.0, "tn": 1.0, "ts": 5.0}
"""What is subtracted from the score of a language before its words count, in nats."""
_LATIN = """
    af az bs cy eo et eu fi ga ha hr ht id ig is it jv la lg lt lv mg ms nso ro rw sk sl sn so
    sq sr st sw tl uz xh yo zu
"""
LOOKED_AT = frozenset(_LATIN.split())
"""Only texts with one of these labels are checked for the languages above."""


def adjusted(text: str, best: str, score: Callable[[str], float]) -> dict[str, float]:
    """The scores of a text that its words change, in nats.

    `best` is the model's own answer; `score` gives the model's score of a label.
    """
    if best not in LOOKED_AT:
        return {}
    words = _TOKEN.findall(text.lower().replace("’", "'"))
    if _is_maori(words):
        return {"mi": score(best) + _SURE}
    family = next((family for family in _FAMILIES if best in family), None)
    if family is None:
        return {}
    found = {}
    for label in family:
        base = max(score(other) for other in _STAND_INS.get(label, (label,)))
        hits = sum(map(_WORDS[label].__contains__, words))
        found[label] = base - _AGAINST.get(label, 0.0) + _EACH * hits
    return found


_FAMILIES = (
    frozenset({"id", "ms"}),
    frozenset({"bs", "hr", "sr"}),
    frozenset(["lg", "nso", "sn", "st", "sw", "tn", "ts", "xh", "zu"]),
)


def _is_maori(words: list[str]) -> bool:
    if len(words) < _FEW or _MAORI_ALONE.isdisjoint(words):
        return False
    if sum(map(_MAORI_WORDS.__contains__, words)) < _MAORI_SHARE * len(words):
        return False
    return sum(_MAORI_WORD.fullmatch(word) is not None for word in words) >= _MAORI_LETTERS * len(
        words
    )
