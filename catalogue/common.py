"""Reasons that no check is the home of: the decision itself gives them, or any check may."""

from veridical.catalogue.applicant import LATER, LOOK, UNABLE
from veridical.catalogue.spec import Reason, Text

__all__ = ["COMMON_EVIDENCE", "COMMON_REASONS"]

COMMON_REASONS = (
    Reason("not_run", LATER, Text("The check did not run.", "该检查未执行。"), mendable=False),
    Reason(
        "model_missing",
        LATER,
        Text(
            "A model of this check is not installed; run `veridical models pull`.",
            "该检查所需模型未安装，请运行 veridical models pull。",
        ),
        mendable=False,
    ),
    Reason(
        "missing_input",
        LOOK,
        Text(
            "The transaction does not hold what this check reads.", "交易中缺少该检查所需的材料。"
        ),
        mendable=True,
    ),
    Reason(
        "no_operating_point",
        UNABLE,
        Text(
            "Neither policy, calibration nor model card says which score passes.",
            "策略、校准文件和模型卡均未给出通过阈值。",
        ),
        mendable=False,
    ),
    Reason(
        "low_score",
        UNABLE,
        Text("The score is below the operating point.", "分数低于阈值。"),
        mendable=False,
    ),
    Reason(
        "empty",
        UNABLE,
        Text(
            "The policy requires no check, so it accepts nobody.",
            "策略未要求任何检查，因此不接受任何人。",
        ),
        mendable=False,
    ),
    Reason(
        "not_compared",
        UNABLE,
        Text(
            "The subject_ref has a customer already, whom this face could not be compared with.",
            "该客户编号已有登记客户，无法与其人脸比对。",
        ),
        mendable=False,
    ),
    Reason(
        "cannot_speak",
        UNABLE,
        Text(
            "The applicant cannot speak: no digits were read aloud, a person decides.",
            "申请人无法说话，未朗读数字，由人工决定。",
        ),
        mendable=False,
    ),
    Reason(
        "cannot_see",
        UNABLE,
        Text(
            "The applicant cannot see the digits: none were read aloud, a person decides.",
            "申请人看不到数字，未朗读，由人工决定。",
        ),
        mendable=False,
    ),
    Reason(
        "photosensitive",
        UNABLE,
        Text(
            "Changing colours are not good for the applicant: none were shown, a person decides.",
            "申请人不宜观看颜色变化，未显示颜色，由人工决定。",
        ),
        mendable=False,
    ),
    Reason(
        "not_a_number",
        LATER,
        Text(
            "A network answered no number; run `veridical models verify`.",
            "模型未返回有效数值，请运行 veridical models verify。",
        ),
        mendable=False,
    ),
)
"""What a check that did not run, or was not judged, ends with; what a transaction ends with."""

COMMON_EVIDENCE = {
    "log_likelihood_ratio": Text("Log-likelihood ratio", "对数似然比"),
}
"""What every calibrated check gives."""
