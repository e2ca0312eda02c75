"""What is asked of the proof a document carries, and of the age it states?"""

from veridical.analysis.analysis import Analysis
from veridical.catalogue.applicant import DOCUMENT, LATER, OTHER_DOCUMENT, UNABLE
from veridical.catalogue.spec import (
    DOCUMENT_MODELS,
    MISSING_INPUT,
    MODEL_MISSING,
    Bands,
    CheckSpec,
    Reason,
    Text,
)
from veridical.chip import ChipCheck
from veridical.chip.age import AgeCheck
from veridical.result import Measurement

__all__ = ["SPECS"]


def _chip(check: ChipCheck, analysis: Analysis) -> Measurement:
    if analysis.chip is None:
        return Measurement("document.chip", None, MISSING_INPUT)
    return check(analysis.chip, analysis.sides)


def _age(check: AgeCheck, analysis: Analysis) -> Measurement:
    if not analysis.sides and analysis.chip is None:
        return Measurement("document.age", None, MISSING_INPUT)
    return check(analysis.sides, analysis.believed_chip, analysis.today)


SPECS = (
    CheckSpec(
        name="document.chip",
        label=Text("Chip of the document", "证件芯片"),
        question=Text(
            "Is what the chip holds signed by its state, and does the print say the same?",
            "芯片内容是否由签发国签名，且与印刷内容一致？",
        ),
        needs=(("chip",),),
        uses=("document_front", "document_back"),
        roles=(),
        lacking="no_trust_list",
        measure=_chip,
        make=lambda parts: None if parts.trust is None else ChipCheck(),
        evidence={
            "active_authentication": Text("Proof that the chip is no copy", "芯片防复制验证"),
            "assurance": Text("Assurance", "保证等级"),
            "country": Text("Country of the signer", "签名者国家"),
            "differing": Text("Fields that differ in print", "与印刷内容不同的字段"),
            "digest": Text("Hash of the data groups", "数据组摘要算法"),
            "groups": Text("Data groups verified", "已验证的数据组"),
            "printed_zone": Text("Printed zone", "印刷机读码"),
            "refused": Text("What was refused", "被拒绝的内容"),
            "revocation": Text("Revocation list", "吊销列表"),
            "signature": Text("Signature", "签名算法"),
        },
        reasons=(
            Reason(
                "no_trust_list",
                LATER,
                Text(
                    "This installation has no list of country signing certificates; see docs/measurements/chip.md.",
                    "本系统未设置国家签名证书列表，见 docs/measurements/chip.md。",
                ),
                mendable=False,
            ),
            Reason(
                "chip_country_unknown",
                UNABLE,
                Text(
                    "The trust list holds no authority of the signer's country.",
                    "信任列表中没有签名者所属国家的机构。",
                ),
                mendable=False,
            ),
            Reason(
                "chip_unsupported",
                UNABLE,
                Text(
                    "The chip is signed by an algorithm or curve that is not supported.",
                    "芯片签名使用了不支持的算法或曲线。",
                ),
                mendable=False,
            ),
            Reason(
                "chip_incomplete",
                DOCUMENT,
                Text(
                    "Data group 1 of the chip was not handed in.",
                    "未提交芯片的数据组 1。",
                ),
                mendable=True,
            ),
            Reason(
                "chip_malformed",
                UNABLE,
                Text(
                    "The files of the chip are damaged or were made up.",
                    "芯片文件损坏或系伪造。",
                ),
                mendable=False,
            ),
            Reason(
                "chip_group_altered",
                UNABLE,
                Text(
                    "A data group is not the one that was signed.",
                    "数据组与签名内容不符。",
                ),
                mendable=False,
            ),
            Reason(
                "chip_sod_altered",
                UNABLE,
                Text(
                    "The signature of the chip's security object does not hold.",
                    "芯片安全对象的签名无效。",
                ),
                mendable=False,
            ),
            Reason(
                "chip_signer_unknown",
                UNABLE,
                Text(
                    "No authority of the trust list certified the signer.",
                    "信任列表中没有机构为该签名者签发证书。",
                ),
                mendable=False,
            ),
            Reason(
                "chip_signer_expired",
                UNABLE,
                Text(
                    "The signer or its authority is not valid on that day.",
                    "签名者或其机构的证书在当日无效。",
                ),
                mendable=False,
            ),
            Reason(
                "chip_signer_revoked",
                UNABLE,
                Text("The signer was taken back by its state.", "签名者证书已被吊销。"),
                mendable=False,
            ),
            Reason(
                "chip_weak_algorithm",
                UNABLE,
                Text(
                    "The chip is signed by an algorithm or key that can be forged today.",
                    "芯片签名使用了可被伪造的弱算法或密钥。",
                ),
                mendable=False,
            ),
            Reason(
                "chip_issuer_mismatch",
                UNABLE,
                Text(
                    "The signer's country is not the issuing state in the zone.",
                    "签名者国家与机读码中的签发国不符。",
                ),
                mendable=False,
            ),
            Reason(
                "chip_zone_mismatch",
                UNABLE,
                Text(
                    "The printed zone differs from the signed one: altered, or another document's chip.",
                    "印刷机读码与芯片签名内容不一致：被篡改，或芯片属于其他证件。",
                ),
                mendable=False,
            ),
            Reason(
                "chip_zone_not_read",
                DOCUMENT,
                Text(
                    "The printed zone was not read, so that the chip may be another document's.",
                    "未读出印刷机读码，无法确认芯片属于该证件。",
                ),
                mendable=True,
            ),
            Reason(
                "chip_cloned",
                UNABLE,
                Text(
                    "The chip does not hold the key that was signed: its files were copied.",
                    "芯片不持有已签名的密钥：文件系复制。",
                ),
                mendable=False,
            ),
        ),
        shares=("expired",),
        point=Bands(
            accept_at=1.0,
            reject_below=0.25,
            command="python -m pytest tests/test_chip_forgeries.py",
            note="three values only: 1 signed and agreeing with the print, 0.5 print not read or differing where no check digit guards, 0 forged",
        ),
    ),
    CheckSpec(
        name="document.age",
        label=Text("Age by the document", "证件年龄"),
        question=Text(
            "Is the holder old enough by the document, on that day?",
            "按证件计算，持证人当日年龄是否达到要求？",
        ),
        needs=(("document_front", "chip"),),
        uses=("document_back",),
        roles=DOCUMENT_MODELS,
        lacking=MODEL_MISSING,
        measure=_age,
        make=lambda _: AgeCheck(),
        evidence={
            "birth_days": Text("Days of birth that fit", "可能的出生日期数"),
            "source": Text("Where the birth stands", "出生日期来源"),
        },
        reasons=(
            Reason(
                "birth_century_open",
                UNABLE,
                Text(
                    "The two digits of the year of birth fit two centuries, and nothing decides between them.",
                    "出生年份仅两位数字，对应两个世纪，无法判定。",
                ),
                mendable=False,
            ),
            Reason(
                "birth_not_read",
                DOCUMENT,
                Text(
                    "The date of birth was not read with certainty.",
                    "未能可靠读出出生日期。",
                ),
                mendable=True,
            ),
            Reason(
                "under_age",
                OTHER_DOCUMENT,
                Text(
                    "By the document the holder is younger than the policy asks.",
                    "按证件计算，持证人未达到策略要求的年龄。",
                ),
                mendable=False,
            ),
        ),
        shares=(),
        point=Bands(
            accept_at=18.0,
            reject_below=18.0,
            command="python -m pytest tests/test_document_age.py",
            note="the score is the age in whole years: a policy asks for 21 by an operating point of its own",
        ),
    ),
)
