"""What is asked of a document?"""

from collections.abc import Callable

from veridical.analysis.analysis import Analysis
from veridical.catalogue.applicant import DOCUMENT, OTHER_DOCUMENT, UNABLE
from veridical.catalogue.spec import (
    DOCUMENT_MODELS,
    FRONT,
    MISSING_INPUT,
    MODEL_MISSING,
    Bands,
    CheckSpec,
    Make,
    Reason,
    Text,
)
from veridical.ocr import DocumentAuthenticCheck, DocumentReadCheck, DocumentSpecimenCheck
from veridical.result import Measurement

__all__ = ["SPECS"]


def _read(check: DocumentReadCheck, analysis: Analysis) -> Measurement:
    if analysis.front is None and analysis.back is None:
        return Measurement("document.read", None, MISSING_INPUT)
    return check(analysis.front, analysis.back, analysis.today)


def _authentic(check: DocumentAuthenticCheck, analysis: Analysis) -> Measurement:
    image, document = analysis.transaction.document_front, analysis.front
    if image is None or document is None:
        return Measurement("document.authentic", None, MISSING_INPUT)
    return check(image, document, analysis.transaction.document_info)


def _specimen(check: DocumentSpecimenCheck, analysis: Analysis) -> Measurement:
    if analysis.front is None:
        return Measurement("document.specimen", None, MISSING_INPUT)
    return check(analysis.front)


def _reading(check: Callable[[], object]) -> Make:
    return lambda parts: check() if parts.engines.reader else None


SPECS = (
    CheckSpec(
        name="document.read",
        label=Text("Document read", "证件读取"),
        question=Text(
            "Are the document's fields legible and consistent with each other?",
            "证件字段是否清晰可读且相互一致？",
        ),
        needs=(FRONT,),
        uses=("document_back",),
        roles=DOCUMENT_MODELS,
        lacking=MODEL_MISSING,
        measure=_read,
        make=_reading(DocumentReadCheck),
        evidence={
            "corrections": Text("Characters corrected by check digits", "按校验码更正的字符数"),
            "derived": Text("Fields derived from others", "由其他字段推出的字段"),
            "findings": Text("Findings", "发现的问题"),
            "hidden_by_glare": Text("Fields under a reflection", "反光遮住的字段"),
            "kind": Text("Kind of document", "证件类型"),
            "least_field_score": Text("Least sure field", "最不确定字段的得分"),
            "missing": Text("Fields not read", "未读出的字段"),
            "region": Text("Region code of the number", "号码中的行政区划代码"),
            "unsure": Text("Fields that were hard to read", "难以辨认的字段"),
        },
        reasons=(
            Reason(
                "document_missing",
                DOCUMENT,
                Text("No picture of a document was handed in.", "未提交证件图片。"),
                mendable=True,
            ),
            Reason(
                "document_not_found",
                DOCUMENT,
                Text(
                    "No document of a known kind was found in the picture.",
                    "图片中未找到已知类型的证件。",
                ),
                mendable=True,
            ),
            Reason(
                "document_back_not_found",
                DOCUMENT,
                Text(
                    "The picture of the back shows no back of a document.",
                    "背面图片中未找到证件背面。",
                ),
                mendable=True,
            ),
            Reason(
                "visual_mismatch",
                OTHER_DOCUMENT,
                Text(
                    "The printed document number differs from the machine-readable zone.",
                    "证件印刷号码与机读码不一致。",
                ),
                mendable=False,
            ),
            Reason(
                "barcode_mismatch",
                OTHER_DOCUMENT,
                Text(
                    "What the licence prints differs from what its barcode says.",
                    "驾驶证印刷内容与条码内容不一致。",
                ),
                mendable=False,
            ),
            Reason(
                "temporary_card",
                OTHER_DOCUMENT,
                Text("The card is a temporary identity card.", "该证件为临时居民身份证。"),
                mendable=True,
            ),
            Reason(
                "same_side_twice",
                DOCUMENT,
                Text("Both pictures show the same side.", "两张图片为证件同一面。"),
                mendable=True,
            ),
            Reason(
                "fields_missing",
                DOCUMENT,
                Text("Some fields could not be read.", "部分字段无法识别。"),
                mendable=True,
            ),
            Reason(
                "number_check_digit",
                UNABLE,
                Text(
                    "The number contradicts its own check digit: misread or altered.",
                    "证件号码与校验码不符：误读或被篡改。",
                ),
                mendable=False,
            ),
            Reason(
                "number_birth_mismatch",
                UNABLE,
                Text(
                    "The printed birth date differs from that in the number.",
                    "出生日期与证件号码不一致。",
                ),
                mendable=False,
            ),
            Reason(
                "number_sex_mismatch",
                UNABLE,
                Text("The printed sex differs from that in the number.", "性别与证件号码不一致。"),
                mendable=False,
            ),
            Reason(
                "mrz_check_digit",
                UNABLE,
                Text(
                    "A check digit of the machine-readable zone does not hold: misread or altered.",
                    "机读区校验码不符：误读或被篡改。",
                ),
                mendable=False,
            ),
            Reason(
                "birth_in_future",
                UNABLE,
                Text("The birth date lies in the future.", "出生日期晚于今日。"),
                mendable=False,
            ),
            Reason(
                "issued_before_birth",
                UNABLE,
                Text(
                    "The document was issued before its holder was born.", "签发日期早于出生日期。"
                ),
                mendable=False,
            ),
            Reason(
                "expired",
                OTHER_DOCUMENT,
                Text("The document has expired.", "证件已过期。"),
                mendable=False,
            ),
            Reason(
                "not_yet_valid",
                OTHER_DOCUMENT,
                Text("The document is not valid yet.", "证件尚未生效。"),
                mendable=False,
            ),
            Reason(
                "term_not_legal",
                DOCUMENT,
                Text(
                    "The term of validity is none the law knows (5, 10, 20 years, long-term).",
                    "有效期限不属于法定期限（5、10、20 年或长期）。",
                ),
                mendable=False,
            ),
            Reason(
                "term_not_for_age",
                DOCUMENT,
                Text(
                    "The term of validity does not fit the holder's age at issue.",
                    "有效期限与签发时年龄不符。",
                ),
                mendable=False,
            ),
            Reason(
                "front_back_mismatch",
                DOCUMENT,
                Text("Front and back seem to be of different cards.", "正反面似乎不属于同一证件。"),
                mendable=False,
            ),
            Reason(
                "field_unsure",
                DOCUMENT,
                Text(
                    "A field that no check digit guards was hard to read.",
                    "无校验码保护的字段识别不可靠。",
                ),
                mendable=True,
            ),
            Reason(
                "kind_not_supported",
                UNABLE,
                Text(
                    "A document of this kind is recognised, but its layout is not known: a person "
                    "must look at it.",
                    "已识别该证件类型，但尚不支持其版式，需人工核对。",
                ),
                mendable=False,
            ),
            Reason(
                "barcode_malformed",
                OTHER_DOCUMENT,
                Text(
                    "The barcode means to be a driving licence's and is not written as the standard asks.",
                    "条码声称为驾驶证条码，但不符合标准格式。",
                ),
                mendable=False,
            ),
            Reason(
                "barcode_issuer_unknown",
                UNABLE,
                Text(
                    "The issuer's number in the barcode is not in the table.",
                    "条码中的签发机构编号不在表中。",
                ),
                mendable=False,
            ),
            Reason(
                "birth_incomplete",
                UNABLE,
                Text(
                    "The document states the date of birth only in part or as unknown.",
                    "证件上的出生日期不完整或标为未知。",
                ),
                mendable=False,
            ),
            Reason(
                "expiry_not_read",
                UNABLE,
                Text(
                    "The machine-readable zone of this kind has no date of expiry: a person must "
                    "look at the print.",
                    "该类机读区不含有效期，需人工核对印刷内容。",
                ),
                mendable=False,
            ),
            Reason(
                "address_incomplete",
                DOCUMENT,
                Text(
                    "The address names no province, city or county: a line of it was lost.",
                    "住址缺少省、市、县，可能漏读一行。",
                ),
                mendable=True,
            ),
            Reason(
                "state_unknown",
                DOCUMENT,
                Text(
                    "The issuing state or the nationality in the machine-readable zone is no code of ICAO Doc 9303.",
                    "机读区的签发国或国籍不是国际民航组织 Doc 9303 规定的代码。",
                ),
                mendable=True,
            ),
            Reason(
                "region_unknown",
                UNABLE,
                Text(
                    "The region code of the number is not in the table.",
                    "号码中的行政区划代码不在表中。",
                ),
                mendable=False,
            ),
            Reason(
                "region_never_issued",
                OTHER_DOCUMENT,
                Text(
                    "The region code of the number was never issued to a person.",
                    "号码中的行政区划代码从未签发给个人。",
                ),
                mendable=False,
            ),
        ),
        shares=("glare_on_field",),
        point=Bands(
            accept_at=0.7,
            reject_below=0.25,
            command="veridical evaluate document",
            note="bands of the check itself: 0 a contradiction in clearly read text, 0.5 a doubt, 0.7 and above neither",
        ),
    ),
    CheckSpec(
        name="document.authentic",
        label=Text("Document photographed, not copied", "证件为实物拍摄"),
        question=Text(
            "Is it the document itself, unaltered, before the camera?",
            "镜头前是否为未经改动的证件原件？",
        ),
        needs=(FRONT,),
        uses=(),
        roles=DOCUMENT_MODELS,
        lacking=MODEL_MISSING,
        measure=_authentic,
        make=_reading(DocumentAuthenticCheck),
        evidence={
            "border_covered": Text("Gap in the document's edge", "证件边缘缺口"),
            "border_cut": Text("Edges outside the picture", "画面外的边数"),
            "digits_uneven": Text("Unevenness of the number", "号码字符不齐程度"),
            "edited": Text("Editor named in the file", "文件显示编辑软件"),
            "field_blurred": Text("Sharpness of the least sharp field", "最模糊字段的清晰度"),
            "glare_on_field": Text("Reflection on a field", "字段上的反光"),
            "jpeg_history": Text("Difference in compression history", "压缩历史差异"),
            "photocopy": Text("Spread of colour", "色彩分布"),
            "portrait_edges": Text("Sharpness of the portrait's outline", "人像边缘锐度"),
            "portrait_noise": Text("Difference in noise of the portrait", "人像噪声差异"),
            "screen_recapture": Text("Pattern of a screen", "屏幕纹路"),
            "several_documents": Text("Other documents in the picture", "画面中的其他证件"),
        },
        reasons=(
            Reason(
                "photocopy",
                DOCUMENT,
                Text("The document has no colour, as on a photocopy.", "证件无色彩，疑似复印件。"),
                mendable=False,
            ),
            Reason(
                "screen_recapture",
                DOCUMENT,
                Text(
                    "The picture shows the pattern of a screen filmed by a camera.",
                    "图片出现屏幕翻拍的纹路。",
                ),
                mendable=False,
            ),
            Reason(
                "glare_on_field",
                DOCUMENT,
                Text("A reflection lies on a field.", "字段上有反光。"),
                mendable=True,
            ),
            Reason(
                "field_blurred", DOCUMENT, Text("A field is blurred.", "字段模糊。"), mendable=True
            ),
            Reason(
                "border_cut",
                DOCUMENT,
                Text(
                    "An edge of the document lies outside the picture or is covered.",
                    "证件边缘缺失或被遮挡。",
                ),
                mendable=True,
            ),
            Reason(
                "border_covered",
                DOCUMENT,
                Text("A part of the document's edge is covered.", "证件边缘被遮挡。"),
                mendable=True,
            ),
            Reason(
                "several_documents",
                DOCUMENT,
                Text("The picture shows documents of several holders.", "图片中有多人的证件。"),
                mendable=True,
            ),
            Reason(
                "portrait_edges",
                DOCUMENT,
                Text(
                    "The outline of the portrait is sharper than the print around it.",
                    "人像边缘比周围印刷更锐利，疑似替换。",
                ),
                mendable=False,
            ),
            Reason(
                "jpeg_history",
                DOCUMENT,
                Text(
                    "The portrait and its surroundings were saved differently often.",
                    "人像与周围区域的压缩历史不一致。",
                ),
                mendable=False,
            ),
            Reason(
                "edited",
                DOCUMENT,
                Text(
                    "The file names an image editor or generator.",
                    "文件信息显示经过图像编辑或生成软件。",
                ),
                mendable=False,
            ),
            Reason(
                "portrait_noise",
                UNABLE,
                Text(
                    "The portrait's noise differs from that around it, as when a picture was pasted.",
                    "人像噪声与周围不同，疑似粘贴。",
                ),
                mendable=False,
            ),
            Reason(
                "digits_uneven",
                UNABLE,
                Text(
                    "The characters of the number differ in size or baseline.",
                    "号码字符大小或基线不一致。",
                ),
                mendable=False,
            ),
        ),
        shares=("document_not_found",),
        point=Bands(
            accept_at=0.5,
            reject_below=0.0,
            command="veridical evaluate document",
            note="bands of the check itself: 1 less the gravest suspicion; optional in every shipped policy, so that it leads to review and never refuses",
        ),
    ),
    CheckSpec(
        name="document.specimen",
        label=Text("Document is no specimen", "证件非样本"),
        question=Text("Is it free of any specimen mark?", "证件上是否没有样本标记？"),
        needs=(FRONT,),
        uses=(),
        roles=DOCUMENT_MODELS,
        lacking=MODEL_MISSING,
        measure=_specimen,
        make=_reading(DocumentSpecimenCheck),
        evidence={
            "example_state": Text("Issued by an example state", "签发国为示例国"),
            "mark": Text("Specimen mark", "样本标记"),
            "region_never_issued": Text("Region never issued", "区划代码从未签发"),
        },
        reasons=(
            Reason(
                "specimen_mark",
                OTHER_DOCUMENT,
                Text("The document carries a specimen mark.", "证件带有样本标记。"),
                mendable=False,
            ),
            Reason(
                "example_state",
                OTHER_DOCUMENT,
                Text(
                    "The issuing state is ICAO's example, Utopia.", "签发国为国际民航组织示例国。"
                ),
                mendable=False,
            ),
        ),
        shares=("document_not_found", "region_never_issued"),
        point=Bands(
            accept_at=0.5,
            reject_below=0.5,
            command="veridical evaluate document",
            note="two values only: 1 no sign of a specimen, 0 a sign",
        ),
    ),
)
