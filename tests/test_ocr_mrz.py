import itertools
from datetime import date

import numpy as np
import pytest

from veridical.ocr import Mrz, check_digit, parse_mrz
from veridical.ocr.mrz import alphabets
from veridical.ocr.text import Reading
from veridical.rehearsal.specimens.people import draw_traveller

TODAY = date(2026, 11, 21)
KINDS = ("td1", "td2", "td3", "mrva", "mrvb")
# The examples of ICAO Doc 9303, parts 4, 5 and 6.
TD3 = (
    "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
    "L898902C36UTO7408122F1204159ZE184226B<<<<<10",
)
TD2 = ("I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "D231458907UTO7408122F1204159<<<<<<<6")
TD1 = (
    "I<UTOD231458907<<<<<<<<<<<<<<<",
    "7408122F1204159UTO<<<<<<<<<<<6",
    "ERIKSSON<<ANNA<MARIA<<<<<<<<<<",
)


def as_read(line: str) -> Reading:
    """A reading with its characters at an even pitch."""
    centres = tuple((place + 0.5) / len(line) for place in range(len(line)))
    return Reading(line, 0.99, (0.99,) * len(line), centres)


def lost(line: str, places: set[int]) -> Reading:
    """A reading that lacks some characters; the others stay where they are printed."""
    whole = as_read(line)
    kept = [place for place in range(len(line)) if place not in places]
    return Reading(
        "".join(line[place] for place in kept),
        0.99,
        (0.99,) * len(kept),
        tuple(whole.centres[place] for place in kept),
    )


def parsed(*lines: str) -> Mrz:
    zone = parse_mrz([as_read(line) for line in lines], TODAY)
    assert zone is not None
    return zone


@pytest.mark.parametrize(("lines", "kind"), [(TD3, "td3"), (TD2, "td2"), (TD1, "td1")])
def test_the_examples_of_doc_9303(lines: tuple[str, ...], kind: str) -> None:
    zone = parsed(*lines)
    assert zone.kind == kind
    assert zone.lines == lines
    assert all(zone.checks.values())
    assert zone.corrections == ()
    assert zone.fields["surname"] == "ERIKSSON"
    assert zone.fields["given_names"] == "ANNA MARIA"
    assert zone.fields["birth"] == "1974-08-12"
    assert zone.fields["expiry"] == "2012-04-15"
    assert zone.fields["issuer"] == zone.fields["nationality"] == "UTO"


@pytest.mark.parametrize("kind", KINDS)
def test_every_format_round_trips(kind: str) -> None:
    for seed in range(40):
        fields = draw_traveller(np.random.default_rng(seed), kind)
        lines = fields.pop("lines")
        assert isinstance(lines, list)
        zone = parsed(*lines)
        assert (zone.kind, list(zone.lines)) == (kind, lines)
        assert all(zone.checks.values())
        assert {name: zone.fields[name] for name in fields} == fields


def test_checks_are_those_of_the_format() -> None:
    assert set(parsed(*TD3).checks) == {"number", "birth", "expiry", "optional", "composite"}
    assert set(parsed(*TD2).checks) == {"number", "birth", "expiry", "composite"}
    visa = ("V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "L898902C36UTO7408122F1204159<<<<<<<<")
    assert set(parsed(*visa).checks) == {"number", "birth", "expiry"}


def test_lost_fillers_come_back_without_a_change_of_format() -> None:
    for count in range(1, 10):
        zone = parse_mrz([lost(TD3[0], set(range(44 - count, 44))), as_read(TD3[1])], TODAY)
        assert zone is not None
        assert zone.lines == TD3
        assert zone.corrections == (f"0:filler:+{count}",)


def test_a_passport_that_lost_eight_fillers_is_no_identity_card() -> None:
    # 44 - 8 = 36: by length alone this would be a TD2; its pitch says otherwise.
    second = "L898902C36UTO7408122F1204159" + "<" * 15 + "2"
    zone = parse_mrz([lost(TD3[0], set(range(30, 38))), lost(second, set(range(30, 38)))], TODAY)
    assert zone is not None
    assert zone.kind == "td3"


def test_a_second_line_needs_no_filler() -> None:
    # As in Chinese passports: optional data fill their field.
    second = "E00000000"
    second += check_digit(second) + "CHN8001014F3001019LHPPNBMJMFOIA9"
    second += check_digit(second[28:42])
    second += check_digit(second[0:10] + second[13:20] + second[21:43])
    zone = parsed("POCHNZHENGJIAN<<YANGBEN<<<<<<<<<<<<<<<<<<<<<", second)
    assert "<" not in zone.lines[1]
    assert zone.kind == "td3"
    assert all(zone.checks.values())


def test_look_alikes_are_replaced_by_position_and_listed() -> None:
    second = TD3[1].replace("740812", "74O8I2")
    zone = parsed(TD3[0], second)
    assert zone.lines == TD3
    assert zone.corrections == ("1:15:O>0", "1:17:I>1")


def test_a_digit_in_a_name_is_replaced_and_listed() -> None:
    zone = parsed(TD3[0].replace("ERIKSSON", "ERIKSS0N"), TD3[1])
    assert zone.fields["surname"] == "ERIKSSON"
    assert zone.corrections == ("0:11:0>O",)


def test_a_wrong_letter_in_a_name_stays() -> None:
    assert parsed(TD3[0].replace("ERIKSSON", "ERIKSSDN"), TD3[1]).fields["surname"] == "ERIKSSDN"


def test_an_uncertain_look_alike_in_the_number_is_mended_and_listed() -> None:
    second = as_read(TD3[1].replace("L898902C3", "L8989O2C3"))
    scores = (*second.scores[:5], 0.6, *second.scores[6:])
    unsure = Reading(second.text, second.score, scores, second.centres)
    zone = parse_mrz([as_read(TD3[0]), unsure], TODAY)
    assert zone is not None
    assert zone.lines == TD3
    assert zone.corrections == ("1:5:O>0",)


def test_a_digit_in_a_name_is_never_believed() -> None:
    assert min(parsed(*TD3).weakest.values()) > 0.9
    for name in ("ERIKSS0N", "ERIKSS4N"):  # one is replaced and listed, the other stays
        weakest = parsed(TD3[0].replace("ERIKSSON", name), TD3[1]).weakest
        assert weakest["surname"] == 0
        assert weakest["issuer"] > 0.9
    assert parsed(TD3[0].replace("UTO", "U70"), TD3[1]).weakest["issuer"] == 0
    # A filler taken for a letter is a wrong name too.
    line = as_read(TD3[0])
    scores = tuple(0.4 if place == 13 else score for place, score in enumerate(line.scores))
    doubtful = Reading(line.text, line.score, scores, line.centres)
    zone = parse_mrz([doubtful, as_read(TD3[1])], TODAY)
    assert zone is not None
    assert zone.weakest["surname"] == 0.4


def test_look_alikes_that_no_check_digit_tells_apart_must_be_surely_read() -> None:
    # O weighs 24 and 0 nothing: in places 3 and 7 the two together shift the sum by 240.
    assert check_digit("MUA0M5L0E") == check_digit("MUAOM5LOE")
    digits = "MUA0M5L0E6UTO8003281M3004135<<<<<<0"
    second = digits + check_digit(digits[:10] + digits[13:20] + digits[21:])
    for probability, sure in ((0.95, True), (0.7, False)):
        scores = tuple(probability if place in (3, 7) else 0.99 for place in range(36))
        centres = as_read(second).centres
        zone = parse_mrz([as_read(TD2[0]), Reading(second, 0.98, scores, centres)], TODAY)
        assert zone is not None
        assert zone.checks["number"]
        assert (zone.weakest["document_number"] > 0.65) is sure


@pytest.mark.parametrize("kind", KINDS)
def test_a_zone_consists_of_what_can_stand_in_its_places(kind: str) -> None:
    for seed in range(20):
        lines = draw_traveller(np.random.default_rng(seed), kind)["lines"]
        assert isinstance(lines, list)
        fit = alphabets(kind, lines)
        assert [len(row) for row in fit] == [len(line) for line in lines]
        for line, row in zip(lines, fit, strict=True):
            assert all(not one or it in one for it, one in zip(line, row, strict=True))
        assert sum(not one for row in fit for one in row) < 40


def test_a_nationality_of_digits_alone_stays() -> None:
    assert alphabets("td2", TD2)[1][10] != ""
    assert alphabets("td2", (TD2[0], TD2[1].replace("UTO", "132")))[1][10:13] == ("", "", "")


def test_a_number_with_several_unsure_characters_is_not_mended() -> None:
    second = as_read(TD3[1].replace("L898902C3", "L8989O2C3"))
    scores = (0.6, 0.6, *second.scores[2:5], 0.6, *second.scores[6:])
    unsure = Reading(second.text, second.score, scores, second.centres)
    zone = parse_mrz([as_read(TD3[0]), unsure], TODAY)
    assert zone is not None
    assert zone.corrections == ()
    assert not zone.checks["number"]


def test_a_number_that_was_clearly_read_stays_wrong() -> None:
    for number in ("L898907C3", "L8989O2C3", "L898902CS"):
        zone = parsed(TD3[0], TD3[1].replace("L898902C3", number))
        assert zone.lines[1].startswith(number)
        assert not zone.checks["number"]
        assert not zone.checks["composite"]


def test_a_long_number_goes_on_in_the_optional_data() -> None:
    first = "I<UTOD23145890<7349<<<<<<<<<<<"  # Doc 9303-5, appendix B
    second = TD1[1][:29] + check_digit(first[5:30] + TD1[1][0:7] + TD1[1][8:15] + TD1[1][18:29])
    zone = parsed(first, second, TD1[2])
    assert zone.fields["document_number"] == "D23145890734"
    assert "composite" in zone.checks


def test_what_the_check_digit_misses() -> None:
    # Weights 7, 3 and 1 have no factor with 10 in common: a substitution passes exactly when the
    # values differ by 10, 20 or 30. Among the look-alikes these are 6 and G, 1 and L.
    missed = {
        frozenset((a, b))
        for a, b in itertools.combinations("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", 2)
        if check_digit(a) == check_digit(b)
    }
    assert all((int(max(p), 36) - int(min(p), 36)) % 10 == 0 for p in missed)
    alike = {frozenset(pair) for pair in ("0O", "0Q", "0D", "1I", "1L", "2Z", "5S", "6G", "8B")}
    assert missed & alike == {frozenset("6G"), frozenset("1L")}


def test_years_fall_into_the_right_century() -> None:
    assert parsed(*TD3).fields["birth"] == "1974-08-12"
    second = "L898902C3" + "6UTO" + "261231" + check_digit("261231") + "F" + "960410"
    second += check_digit("960410") + "<" * 15
    second += check_digit(second[0:10] + second[13:20] + second[21:43])
    zone = parsed(TD3[0], second)
    assert zone.fields["birth"] == "1926-12-31"
    assert zone.fields["expiry"] == "1996-04-10"


@pytest.mark.parametrize(
    "lines",
    [
        (),
        ("HELLO", "WORLD"),
        ("A" * 44, "B" * 44),
        ("<" * 44, "<" * 44),
        (TD3[0],),
        (TD3[0], TD3[1], TD3[1], TD3[1]),
        ("四川省成都市新城区人民路九百三十二号楼上楼下灯泡电话", "电话" * 20),
    ],
)
def test_other_lines_are_no_zone(lines: tuple[str, ...]) -> None:
    zone = parse_mrz([as_read(line) for line in lines], TODAY)
    assert zone is None or not all(zone.checks.values())


def test_random_text_never_raises() -> None:
    rng = np.random.default_rng(3)
    letters = list("ABCPIV0123456789<«（あ ")
    for _ in range(300):
        lines = [
            "".join(rng.choice(letters, rng.integers(0, 60))) for _ in range(rng.integers(0, 4))
        ]
        parse_mrz([as_read(line) for line in lines], TODAY)


def numbered(number: str, optional: str = "<<<<<<<<<<<<<<", birth: str = "740812") -> str:
    """The second line of a passport with right check digits."""
    line = number + check_digit(number) + "UTO" + birth + check_digit(birth) + "F"
    line += "310415" + check_digit("310415") + optional + check_digit(optional)
    return line + check_digit(line[:10] + line[13:20] + line[21:43])


@pytest.mark.parametrize(
    ("truth", "read"),
    [
        ("50DFR60D9", "5ODFR6OD9"),  # surely read, in oblique print: 24 x 7 + 24 x 3 = 240
        ("X00000001", "XO0O00001"),
    ],
)
def test_letters_o_for_zeros_are_doubted_however_sure_they_were_read(truth: str, read: str) -> None:
    assert check_digit(truth) == check_digit(read)
    zone = parsed(TD3[0], numbered(read))
    assert all(zone.checks.values())
    assert zone.weakest["document_number"] == 0.0
    assert parsed(TD3[0], numbered(truth)).weakest["document_number"] > 0.65


def test_optional_data_are_held_to_the_same() -> None:
    digits, letters = "<<12340567089<", "<<1234O567O89<"
    assert check_digit(digits) == check_digit(letters)
    assert parsed(TD3[0], numbered("L898902C3", letters)).weakest["optional"] == 0.0
    assert parsed(TD3[0], numbered("L898902C3", digits)).weakest["optional"] > 0.65


@pytest.mark.parametrize("birth", ["7408<<", "74<<<<", "<<<<<<"])
def test_a_birth_that_is_known_in_part_is_told(birth: str) -> None:
    zone = parsed(TD3[0], numbered("L898902C3", birth=birth))
    assert all(zone.checks.values())
    assert zone.birth_incomplete
    assert zone.dated
    assert "birth" not in zone.fields


def test_a_document_without_a_last_day_is_valid_for_good() -> None:
    line = numbered("L898902C3").replace("310415" + check_digit("310415"), "<<<<<<0")
    line = line[:43] + check_digit(line[:10] + line[13:20] + line[21:43])
    zone = parsed(TD3[0], line)
    assert zone.fields["expiry"] == "long-term"
    assert zone.dated


def test_without_any_whole_date_there_is_no_zone() -> None:
    line = numbered("L898902C3", birth="<<<<<<").replace(
        "310415" + check_digit("310415"), "<<<<<<0"
    )
    zone = parsed(TD3[0], line[:43] + check_digit(line[:10] + line[13:20] + line[21:43]))
    assert not zone.dated


def test_a_blank_nationality_is_no_unknown_state() -> None:
    second = TD3[1].replace("UTO", "<<<")
    assert parsed(TD3[0], second).known_states
    assert not parsed(TD3[0], TD3[1].replace("UTO", "UJO")).known_states


def test_the_french_identity_card_has_a_zone_of_its_own() -> None:
    first = "IDFRABERTHIER<<<<<<<<<<<<<<<<<<952042"[:30] + "952042"
    second = "950220952042" + check_digit("950220952042") + "CORINNE<<<<<<<"
    second += "651206" + check_digit("651206") + "F"
    second += check_digit(first + second)
    zone = parsed(first, second)
    assert zone.kind == "fra_id"
    assert all(zone.checks.values())
    assert zone.fields["surname"] == "BERTHIER"
    assert zone.fields["given_names"] == "CORINNE"
    assert zone.fields["birth"] == "1965-12-06"
    assert "expiry" not in zone.fields
    assert not zone.has_expiry
