"""What is known around an applicant? Signals lower an accept to review, no more."""

from collections.abc import Mapping

from veridical.analysis.analysis import Analysis
from veridical.catalogue.applicant import LATER, UNABLE
from veridical.catalogue.parts import Parts
from veridical.catalogue.spec import (
    FACE_MODELS,
    MODEL_MISSING,
    Bands,
    CheckSpec,
    Reason,
    SameAs,
    Text,
    Trait,
)
from veridical.liveness import InjectionSettings
from veridical.result import Measurement
from veridical.signals import SignalSettings
from veridical.signals.device import DeviceCheck
from veridical.signals.faces import FaceIdentityCheck, IdentityFaceCheck
from veridical.signals.links import LinksCheck
from veridical.signals.listed import ListsCheck, allowed
from veridical.signals.provider import ProviderCheck, Question
from veridical.signals.region import RegionCheck
from veridical.signals.travel import TravelCheck
from veridical.signals.velocity import VelocityCheck

__all__ = ["SPECS"]

NO_STORE = "no_store"
SIGNAL = frozenset({Trait.SIGNAL})
SOURCE = {"source": Text("Source", "来源")}


def _face_identity(check: FaceIdentityCheck, analysis: Analysis) -> Measurement:
    if analysis.sighting is None:
        return Measurement(check.name, None, NO_STORE)
    return check(analysis.sighting, analysis.seen_faces)


def _identity_face(check: IdentityFaceCheck, analysis: Analysis) -> Measurement:
    if analysis.ledger is None or analysis.sighting is None:
        return Measurement(check.name, None, NO_STORE)
    face, sighting = analysis.face_template, analysis.sighting
    earlier = analysis.ledger.faces_of(sighting, face.model, check.newest) if face else []
    return check(sighting, face, earlier)


def _velocity(check: VelocityCheck, analysis: Analysis) -> Measurement:
    ledger, sighting = analysis.ledger, analysis.sighting
    if ledger is None or sighting is None:
        return Measurement(check.name, None, NO_STORE)
    counts = ledger.counts(sighting)
    if check.faces is not None and (seen := analysis.seen_faces) is not None:
        counts |= ledger.face_counts(sighting, check.faces.same_face(seen))
    return check(counts, analysis.velocity, allowed(analysis.listed), _source(sighting.keys))


def _device(check: DeviceCheck, analysis: Analysis) -> Measurement:
    return check(analysis.transaction.signals, analysis.capture.camera_label)


def _region(check: RegionCheck, analysis: Analysis) -> Measurement:
    return check(analysis.citizen_number, analysis.issuer, analysis.transaction.signals)


def _lists(check: ListsCheck, analysis: Analysis) -> Measurement:
    sighting = analysis.sighting
    if sighting is None:
        return Measurement(check.name, None, NO_STORE)
    return check(len(sighting.keys), analysis.listed, _source(sighting.keys))


def _links(check: LinksCheck, analysis: Analysis) -> Measurement:
    ledger, sighting = analysis.ledger, analysis.sighting
    if ledger is None or sighting is None:
        return Measurement(check.name, None, NO_STORE)
    faces: frozenset[str] = frozenset()
    if check.faces is not None and (seen := analysis.seen_faces) is not None:
        faces = check.faces.same_face(seen)
    found = ledger.component(sighting, faces, check.hubs)
    return check(found, _source(sighting.keys))


def _travel(check: TravelCheck, analysis: Analysis) -> Measurement:
    ledger, sighting = analysis.ledger, analysis.sighting
    if ledger is None or sighting is None:
        return Measurement(check.name, None, NO_STORE)
    here, earlier = ledger.places(sighting)
    return check(here, earlier, "store,sdk")


def _make_travel(_: Parts) -> TravelCheck:
    settings = SignalSettings.read()
    return TravelCheck(settings.travel_kmh, settings.travel_slack_km)


def _provider(check: ProviderCheck, analysis: Analysis) -> Measurement:
    facts, front = analysis.transaction.signals, analysis.front
    known = {
        "document": analysis.document_number,
        "name": (front.value("name") or "") if front is not None else "",
        "subject": facts.subject,
        "device": facts.device,
        "phone": facts.phone,
        "network": facts.network,
        "country": facts.country,
        "region": facts.region,
    }
    values = {name: value for name, value in known.items() if value}
    return check(Question(analysis.transaction.id, facts.tenant, values))


def _source(keys: Mapping[str, bytes]) -> str:
    """Where keys come from, and the store in which they were looked up."""
    from_document = ["document"] if "document" in keys else []
    from_outside = ["sdk"] if keys.keys() - {"document"} else []
    return ",".join(["store", *from_document, *from_outside])


def _make_face_identity(parts: Parts) -> FaceIdentityCheck | None:
    engines = parts.engines
    if (
        parts.ledger is None
        or not engines.has("recogniser")
        or (curve := engines.fmr_curve) is None
    ):
        return None
    return FaceIdentityCheck(curve, engines.recogniser_ref, SignalSettings.read().same_face_fpir)


def _make_identity_face(parts: Parts) -> IdentityFaceCheck | None:
    engines = parts.engines
    if parts.ledger is None or not engines.has("recogniser"):
        return None
    return IdentityFaceCheck(engines.recogniser_ref, SignalSettings.read().compared)


def _make_velocity(parts: Parts) -> VelocityCheck:
    return VelocityCheck(SignalSettings.read().velocity, _make_face_identity(parts))


def _make_links(parts: Parts) -> LinksCheck:
    settings = SignalSettings.read()
    return LinksCheck(settings.family, settings.hubs, _make_face_identity(parts))


def _make_device(_: Parts) -> DeviceCheck:
    return DeviceCheck(SignalSettings.read().flags, InjectionSettings.read().virtual_cameras)


SPECS = (
    CheckSpec(
        name="signals.face_identity",
        label=Text("Face not seen under another identity", "人脸未以其他身份出现"),
        question=Text(
            "Was this face not seen under another identity?", "该人脸是否未以其他身份出现过？"
        ),
        needs=(),
        uses=("selfie", "clip", "document_front"),
        roles=FACE_MODELS,
        lacking=NO_STORE,
        measure=_face_identity,
        make=_make_face_identity,
        evidence=SOURCE
        | {
            "entries": Text("Faces searched", "检索的人脸数"),
            "other_identities": Text("Other identities", "其他身份数"),
            "similarity": Text("Similarity", "相似度"),
        },
        reasons=(
            Reason(
                "no_store",
                LATER,
                Text(
                    "This installation keeps no database to look in.",
                    "本系统未配置可供查询的数据库。",
                ),
                mendable=False,
            ),
            Reason(
                "other_identity",
                UNABLE,
                Text(
                    "The same face was seen under another identity.", "同一人脸曾以其他身份出现。"
                ),
                mendable=False,
            ),
            Reason(
                "identity_unknown",
                LATER,
                Text(
                    "Neither a number of a document nor a reference says who this is.",
                    "既无证件号码也无客户编号，无法确定身份。",
                ),
                mendable=False,
            ),
        ),
        shares=("no_face",),
        point=Bands(
            accept_at=0.01,
            reject_below=-1.0,
            command="python research/benchmarks/bench_identify.py",
            note="as watchlist.search: the share of innocent people who would meet so good a hit among as many faces seen",
        ),
        traits=SIGNAL,
    ),
    CheckSpec(
        name="signals.identity_face",
        label=Text("Identity not seen with another face", "身份未对应其他人脸"),
        question=Text(
            "Was this identity not seen under another face?", "该身份是否未对应过其他人脸？"
        ),
        needs=(),
        uses=("selfie", "clip", "document_front"),
        roles=FACE_MODELS,
        lacking=NO_STORE,
        measure=_identity_face,
        make=_make_identity_face,
        evidence=SOURCE
        | {
            "compared": Text("Faces compared", "比对的人脸数"),
            "similarity_least": Text("Least similarity", "最低相似度"),
            "similarity_most": Text("Greatest similarity", "最高相似度"),
        },
        reasons=(
            Reason(
                "other_face",
                UNABLE,
                Text("The same identity was seen with another face.", "同一身份曾对应另一张人脸。"),
                mendable=False,
            ),
        ),
        shares=("no_store", "no_face", "identity_unknown"),
        point=SameAs("face.match"),  # the same comparison of the same templates
        traits=SIGNAL,
    ),
    CheckSpec(
        name="signals.velocity",
        label=Text("Attempts within limits", "尝试次数在限额内"),
        question=Text(
            "Are attempts of this face, document, device and network within limits?",
            "同一人脸、证件、设备和网络的尝试次数是否在限额内？",
        ),
        needs=(),
        uses=("selfie", "clip", "document_front"),
        roles=(),
        lacking=NO_STORE,
        measure=_velocity,
        make=_make_velocity,
        evidence=SOURCE
        | {
            "*_10m": Text("Attempts in ten minutes", "十分钟内尝试次数"),
            "*_1h": Text("Attempts in an hour", "一小时内尝试次数"),
            "*_24h": Text("Attempts in a day", "一天内尝试次数"),
            "*_30d": Text("Attempts in thirty days", "三十天内尝试次数"),
            "exceeded": Text("Limit exceeded", "超出的限额"),
            "limit": Text("Limit", "限额"),
        },
        reasons=(
            Reason(
                "too_many_attempts",
                UNABLE,
                Text(
                    "More attempts of one face, document, device or network than its limit.",
                    "同一人脸、证件、设备或网络的尝试次数超过上限。",
                ),
                mendable=False,
            ),
        ),
        shares=("no_store",),
        point=Bands(
            accept_at=1.0,
            reject_below=0.0,
            command="python -m pytest tests/test_signals_velocity.py",
            note="1 while every count is within its limit: the limits themselves are what is set, in signals.toml or a policy",
        ),
        traits=SIGNAL,
    ),
    CheckSpec(
        name="signals.device",
        label=Text("Device without warning signs", "设备无风险特征"),
        question=Text(
            "Does the device say nothing that speaks against it?", "设备是否未自报风险特征？"
        ),
        needs=(),
        uses=("document_front",),
        roles=(),
        lacking=MODEL_MISSING,
        measure=_device,
        make=_make_device,
        evidence=SOURCE
        | {
            "cloned_app": Text("Cloned app", "克隆应用"),
            "debugger": Text("Debugger", "调试器"),
            "developer_mode": Text("Developer mode", "开发者模式"),
            "emulator": Text("Emulator", "模拟器"),
            "flags": Text("Warning signs", "风险特征数"),
            "hooked": Text("Hooked app", "应用被挂钩"),
            "mock_location": Text("Mock location", "模拟定位"),
            "rooted": Text("Rooted", "已获取系统权限"),
            "screen_shared": Text("Screen shared", "屏幕共享"),
            "virtual_camera": Text("Software camera", "虚拟摄像头"),
            "vpn": Text("VPN", "使用虚拟专用网"),
        },
        reasons=(
            Reason(
                "device_flagged",
                UNABLE,
                Text(
                    "The device says of itself what speaks against it, such as an emulator.",
                    "设备自报存在风险特征，例如模拟器。",
                ),
                mendable=False,
            ),
        ),
        shares=("missing_input",),
        point=Bands(
            accept_at=0.6,
            reject_below=0.0,
            command="python -m pytest tests/test_signals_device.py",
            note="bands of signals.toml: a software camera or an emulator goes to review, a VPN alone does not",
        ),
        traits=SIGNAL,
    ),
    CheckSpec(
        name="signals.region",
        label=Text("Place agrees with the document", "所在地与证件相符"),
        question=Text(
            "Does the document's region agree with where the applicant is?",
            "证件所属地区与申请人所在地是否相符？",
        ),
        needs=(),
        uses=("document_front",),
        roles=(),
        lacking=MODEL_MISSING,
        measure=_region,
        make=lambda _: RegionCheck(SignalSettings.read().region),
        evidence=SOURCE
        | {
            "country_agrees": Text("Country agrees", "国家相符"),
            "level": Text("Compared down to", "比对级别"),
            "province_agrees": Text("Province agrees", "省份相符"),
        },
        reasons=(
            Reason(
                "other_region",
                UNABLE,
                Text(
                    "The document's country or region is not where the applicant is.",
                    "证件所属国家或地区与申请人所在地不符。",
                ),
                mendable=False,
            ),
        ),
        shares=("missing_input",),
        point=Bands(
            accept_at=0.5,
            reject_below=0.0,
            command="python -m pytest tests/test_signals_region.py",
            note="bands of signals.toml: another country goes to review; another province passes, for many people live in another than that of their number",
        ),
        traits=SIGNAL,
    ),
    CheckSpec(
        name="signals.lists",
        label=Text("Number, phone and device not denied", "号码、电话、设备未被拒绝"),
        question=Text(
            "Are identity, phone and device on no list of denied ones?",
            "身份、电话和设备是否不在拒绝名单中？",
        ),
        needs=(),
        uses=("document_front",),
        roles=(),
        lacking=NO_STORE,
        measure=_lists,
        make=lambda _: ListsCheck(),
        evidence=SOURCE
        | {
            "allow": Text("Allowed", "允许"),
            "deny": Text("Denied", "拒绝"),
            "label": Text("Label of the entry", "条目标签"),
            "looked_up": Text("Looked up", "查询数"),
        },
        reasons=(
            Reason(
                "denied",
                UNABLE,
                Text(
                    "The number, phone or device is on a list of denied ones.",
                    "证件号码、电话或设备在拒绝名单中。",
                ),
                mendable=False,
            ),
        ),
        shares=("no_store",),
        point=Bands(
            accept_at=0.5,
            reject_below=0.0,
            command="python -m pytest tests/test_signals_lists.py",
            note="two values only: 1 on no list of denied ones, 0 on one",
        ),
        traits=SIGNAL,
    ),
    CheckSpec(
        name="signals.links",
        label=Text("Not one of many linked applications", "未与大量申请相互关联"),
        question=Text(
            "Do few other documents hang together with this application?",
            "与本申请相互关联的其他证件是否不多？",
        ),
        needs=(),
        uses=("selfie", "clip", "document_front"),
        roles=(),
        lacking=NO_STORE,
        measure=_links,
        make=_make_links,
        evidence=SOURCE
        | {
            "component_size": Text("Linked applications", "相互关联的申请数"),
            "documents_in_component": Text("Documents among them", "其中的证件数"),
            "denied_in_component": Text("Denied among them", "其中被拒绝的申请数"),
            "shared": Text("Shared with others", "与其他申请共有"),
            "hubs": Text("Keys that too many share", "共有者过多而不计的标识数"),
            "whole": Text("All of them were looked at", "已查看全部关联"),
        },
        reasons=(
            Reason(
                "linked_applications",
                UNABLE,
                Text(
                    "Many documents, or a denied one, hang together with this application by "
                    "device, phone, address or face.",
                    "大量证件或被拒绝的申请，通过设备、电话、地址或人脸与本申请相关联。",
                ),
                mendable=False,
            ),
        ),
        shares=("no_store", "missing_input"),
        point=Bands(
            accept_at=1.0,
            reject_below=0.0,
            command="python research/benchmarks/bench_links.py rings",
            note="limits of signals.toml, by judgement: above a family's number of documents, or with a denied application among them, a person looks",
        ),
        traits=SIGNAL,
    ),
    CheckSpec(
        name="signals.travel",
        label=Text("Could have come from where it was last", "两次位置之间的移动合理"),
        question=Text(
            "Could one person have been at this place and at those of the attempts before?",
            "同一人是否可能先后出现在本次与此前的位置？",
        ),
        needs=(),
        uses=("document_front",),
        roles=(),
        lacking=NO_STORE,
        measure=_travel,
        make=_make_travel,
        evidence=SOURCE
        | {
            "compared": Text("Attempts compared", "比较的申请次数"),
            "km": Text("Distance in km", "距离（公里）"),
            "hours": Text("Hours between", "间隔（小时）"),
            "kmh": Text("Speed in km/h", "速度（公里/小时）"),
        },
        reasons=(
            Reason(
                "impossible_travel",
                UNABLE,
                Text(
                    "Nobody travels so fast from the place of an attempt before under this "
                    "identity.",
                    "以该身份从此前位置到本次位置，所需速度超出可能。",
                ),
                mendable=False,
            ),
        ),
        shares=("no_store", "missing_input"),
        point=Bands(
            accept_at=1.0,
            reject_below=0.0,
            command="python -m pytest tests/test_signals_travel.py",
            note="limits of signals.toml, by judgement: faster than an airliner goes to review",
        ),
        traits=SIGNAL,
    ),
    CheckSpec(
        name="signals.provider",
        label=Text("Answer of the service outside", "外部服务的结果"),
        question=Text(
            "Has the service outside nothing against the applicant?",
            "外部服务对申请人是否无不利结果？",
        ),
        needs=(),
        uses=("document_front",),
        roles=(),
        lacking="no_provider",
        measure=_provider,
        make=lambda parts: parts.provider and ProviderCheck(parts.provider),
        evidence=SOURCE
        | {
            "answer": Text("Answer", "应答"),
            "problem": Text("Problem", "问题"),
            "provider": Text("Service", "服务"),
            "*": Text("Told by the service", "外部服务提供"),
        },
        reasons=(
            Reason(
                "no_provider",
                LATER,
                Text("No service outside is set up to be asked.", "未配置可查询的外部服务。"),
                mendable=False,
            ),
            Reason(
                "provider_unavailable",
                LATER,
                Text(
                    "The service outside did not answer as agreed; the evidence says how.",
                    "外部服务未按约定应答，详见证据。",
                ),
                mendable=False,
            ),
            Reason(
                "provider_hit",
                UNABLE,
                Text(
                    "The service outside speaks against the applicant.",
                    "外部服务对申请人给出不利结果。",
                ),
                mendable=False,
            ),
        ),
        shares=("missing_input",),
        point=Bands(
            accept_at=0.5,
            reject_below=0.0,
            command="python -m pytest tests/test_signals_provider.py",
            note="provisional: what a score means is the service's to say; set it to yours in the policy",
        ),
        traits=SIGNAL,
    ),
)
