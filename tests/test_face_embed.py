"""Templates: what they are made of, what they may be compared with."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.face_standins import RuleSession, face_at, mean_colour, plain, turned_head, view_of
from veridical.errors import InputError
from veridical.face import FaceDetector, FaceEmbedder, FaceMesher, compare, look
from veridical.face.embed import embedding_points
from veridical.face.recogniser import Recogniser, RecogniserInput
from veridical.media import read_image
from veridical.models import ModelStore, read_card, read_profiles
from veridical.types import Template, View

FACE = face_at(100, 100, 100)
GOLDEN_MATED_MEAN = 0.744
GOLDEN_NON_MATED_MEAN = 0.116


def embedder() -> FaceEmbedder:
    return FaceEmbedder(Recogniser(RuleSession(mean_colour), RecogniserInput()))


def test_a_template_has_unit_length_and_names_its_model_and_weights() -> None:
    template = embedder()(plain(200, 100, 50), FACE)
    assert np.linalg.norm(template.vector) == pytest.approx(1, abs=1e-6)
    assert template.vector.dtype == np.float32
    assert template.model == "rule@" + "ab" * 6


def test_templates_of_two_models_are_never_compared() -> None:
    template = embedder()(plain(200, 100, 50), FACE)
    for other in (
        replace(template, model="rule@cdcdcdcdcdcd"),
        Template(np.ones(2, np.float32), template.model),
    ):
        with pytest.raises(InputError) as error:
            compare(template, other)
        assert error.value.code == "face.template_model"


def test_the_net_sees_each_face_as_it_is_and_mirrored() -> None:
    seen: list[NDArray[np.float32]] = []

    def note(batch: NDArray[np.generic]) -> list[NDArray[np.float32]]:
        seen.append(np.asarray(batch, np.float32))
        return [np.ones((len(batch), 4), np.float32)]

    half = plain(0, 0, 0)
    half.pixels[:, :150] = 255
    FaceEmbedder(Recogniser(RuleSession(note), RecogniserInput()))(half, FACE)
    plain_look, mirrored = seen[0][:, 0]
    assert plain_look[56, 10] > 200 > 50 > plain_look[56, 100]
    assert mirrored[56, 100] > 200 > 50 > mirrored[56, 10]


def test_the_card_says_how_pixels_are_normalised() -> None:
    seen: list[NDArray[np.float32]] = []

    def note(batch: NDArray[np.generic]) -> list[NDArray[np.float32]]:
        seen.append(np.asarray(batch, np.float32))
        return [np.ones((len(batch), 4), np.float32)]

    card = read_card("sface-2021dec")
    scaled = replace(
        card, parameters={**card.parameters, "pixel_mean": 127.5, "pixel_scale": 127.5}
    )
    for used in (card, scaled):
        FaceEmbedder.from_card(RuleSession(note), used)(plain(255, 0, 127), FACE)
    assert seen[0][0, :, 56, 56].tolist() == [255, 0, 127]
    np.testing.assert_allclose(seen[1][0, :, 56, 56], [1, -1, -1 / 255], atol=1e-6)


def test_a_card_that_wants_another_crop_is_refused() -> None:
    card = read_card("sface-2021dec")
    with pytest.raises(InputError):
        FaceEmbedder.from_card(RuleSession(mean_colour), replace(card, parameters={"side_px": 160}))


def test_a_view_of_low_length_weighs_less_in_the_fused_template() -> None:
    bright, dim = view_of(plain(250, 0, 0), FACE), view_of(plain(0, 10, 0), FACE)
    fused = embedder().fused([bright, dim])
    assert compare(fused, embedder()(bright)) > 0.99
    assert compare(fused, embedder()(dim)) < 0.1


@pytest.mark.parametrize("views", [[], [View(plain(1, 2, 3), (), None, "no_face")]])
def test_no_subject_makes_no_template(views: list[View]) -> None:
    with pytest.raises(InputError):
        embedder().fused(views)


def test_a_black_picture_that_gives_no_vector_is_an_input_error() -> None:
    with pytest.raises(InputError):
        embedder()(plain(0, 0, 0), FACE)


def test_the_mesh_gives_the_points_where_there_is_one() -> None:
    mesh = turned_head()
    with_mesh = view_of(plain(1, 2, 3), FACE, face_at(0, 0, 20), mesh=mesh)
    assert not np.allclose(embedding_points(with_mesh), FACE.points)
    assert np.array_equal(
        embedding_points(with_mesh, with_mesh.faces[1]), with_mesh.faces[1].points
    )
    assert np.array_equal(embedding_points(view_of(plain(1, 2, 3), FACE)), FACE.points)


class Tools:
    def __init__(self, store: ModelStore) -> None:
        self.detector = FaceDetector(store.session("yunet-2023mar"))
        self.mesher = FaceMesher(store.session("facemesh-468"))
        self.embedder = FaceEmbedder.from_card(
            store.session("sface-2021dec"), store.card("sface-2021dec")
        )


@pytest.fixture(scope="module")
def tools(store: ModelStore) -> Tools:
    return Tools(store)


@pytest.fixture(scope="module")
def people(shared: Path, tools: Tools) -> dict[str, list[View]]:
    """Three people with four pictures each."""
    folder = shared / "data/faces"
    found: dict[str, list[View]] = {}
    with (folder / "colour.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            views = found.setdefault(row["identity"], [])
            if len(found) <= 3 and len(views) < 4:
                view = look(read_image(folder / row["file"]), tools.detector, tools.mesher)
                if view.subject is not None:
                    views.append(view)
    return {name: views for name, views in found.items() if len(views) == 4}


@pytest.mark.models
@pytest.mark.shared
def test_scores_of_real_pictures_are_as_measured(
    people: dict[str, list[View]], tools: Tools
) -> None:
    templates = [[tools.embedder(view) for view in views] for views in people.values()]
    mated = [compare(one[i], one[j]) for one in templates for i in range(4) for j in range(i)]
    non_mated = [
        compare(a, b) for k, one in enumerate(templates) for other in templates[:k]
        for a in one for b in other
    ]  # fmt: skip
    assert min(mated) > 0.43 > 0.36 > max(non_mated)
    assert float(np.mean(mated)) == pytest.approx(GOLDEN_MATED_MEAN, abs=0.01)
    assert float(np.mean(non_mated)) == pytest.approx(GOLDEN_NON_MATED_MEAN, abs=0.01)


@pytest.mark.models
@pytest.mark.shared
def test_red_for_blue_makes_another_template(people: dict[str, list[View]], tools: Tools) -> None:
    view = next(iter(people.values()))[0]
    swapped = replace(view, image=replace(view.image, pixels=view.image.pixels[:, :, ::-1].copy()))
    assert compare(tools.embedder(view), tools.embedder(swapped)) < 0.97


@pytest.mark.models
@pytest.mark.shared
def test_light_and_a_mirror_hardly_change_the_template(
    people: dict[str, list[View]], tools: Tools
) -> None:
    for views in people.values():
        image = views[0].image
        darker = replace(image, pixels=(image.pixels * 0.8).astype(np.uint8))
        mirrored = replace(image, pixels=np.ascontiguousarray(image.pixels[:, ::-1]))
        for changed in (darker, mirrored):
            again = look(changed, tools.detector, tools.mesher)
            assert compare(tools.embedder(views[0]), tools.embedder(again)) > 0.85


@pytest.mark.models
@pytest.mark.shared
def test_two_views_fused_are_nearer_to_a_third_than_the_worse_of_them(
    people: dict[str, list[View]], tools: Tools
) -> None:
    for views in people.values():
        third = tools.embedder(views[2])
        single = [compare(tools.embedder(view), third) for view in views[:2]]
        assert compare(tools.embedder.fused(views[:2]), third) > min(single)


def test_two_recognisers_score_as_the_weighted_mean_of_both() -> None:
    def greenness(batch: NDArray[np.generic]) -> list[NDArray[np.float32]]:
        """Another net: the share of green, and a constant."""
        green = np.asarray(batch, np.float32)[:, 1].mean((1, 2))
        return [np.column_stack([green, np.full_like(green, 100.0)])]

    first = Recogniser(RuleSession(mean_colour), RecogniserInput())
    second = Recogniser(RuleSession(greenness, "second"), RecogniserInput(weight=0.6))
    views = [view_of(plain(250, 100, 10), FACE), view_of(plain(10, 250, 90), FACE)]
    one, other, both = FaceEmbedder(first), FaceEmbedder(second), FaceEmbedder(first, second)
    scores = [compare(maker(views[0]), maker(views[1])) for maker in (one, other, both)]
    assert scores[2] == pytest.approx((scores[0] + 0.6 * scores[1]) / 1.6, abs=1e-4)
    np.testing.assert_allclose(
        np.linalg.norm(both.vectors(views), axis=1),
        np.linalg.norm(one.vectors(views), axis=1),
        rtol=1e-5,
    )
    assert both.models == (first.ref, second.ref)
    assert both.model not in (one.model, other.model)
    with pytest.raises(InputError):
        compare(one(views[0]), both(views[0]))


@pytest.mark.models
def test_profile_two_faces_makes_one_template_of_both(store: ModelStore, shared: Path) -> None:
    names = read_profiles()["two-faces"].roles["recogniser"]
    if not all(store.has(name) for name in names):
        pytest.skip("the second recogniser is not pulled; it comes from its publisher or a mirror")
    detector, mesher = (
        FaceDetector(store.session("yunet-2023mar")),
        FaceMesher(store.session("facemesh-468")),
    )
    folder = shared / "data" / "faces" / "lfw"
    views = [
        look(read_image(folder / f"{name}.jpg"), detector, mesher)
        for name in ("Aaron_Eckhart_0001", "Aaron_Guiel_0001")
    ]
    scores = [
        compare(maker(views[0]), maker(views[1]))
        for maker in (
            FaceEmbedder.load(store, names[:1]),
            FaceEmbedder.load(store, names[1:]),
            FaceEmbedder.load(store, names),
        )
    ]
    # Looks are weighed by the first net, so not to the last digit.
    assert scores[2] == pytest.approx((scores[0] + 0.6 * scores[1]) / 1.6, abs=5e-3)
    with pytest.raises(InputError):
        FaceEmbedder.load(store, [*names, names[0]])
