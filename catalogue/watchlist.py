"""What is asked of lists of faces?"""

from veridical.analysis.analysis import Analysis
from veridical.catalogue.applicant import LATER, UNABLE
from veridical.catalogue.spec import (
    FACE,
    FACE_MODELS,
    Bands,
    CheckSpec,
    Reason,
    Text,
)
from veridical.gallery import WatchlistCheck
from veridical.result import Measurement

__all__ = ["SPECS"]


def _search(check: WatchlistCheck, analysis: Analysis) -> Measurement:
    return check(analysis.face_template, analysis.attributes)


SPECS = (
    CheckSpec(
        name="watchlist.search",
        label=Text("Not on the list", "不在名单中"),
        question=Text("Is the face on no watchlist?", "人脸是否不在监控名单中？"),
        needs=(FACE,),
        uses=("document_front", "document_back"),
        roles=FACE_MODELS,
        lacking="no_watchlist",
        measure=_search,
        make=lambda parts: parts.watchlist,
        evidence={
            "birth_year": Text("Entry: year of birth", "条目出生年份"),
            "entries": Text("Entries searched", "检索条目数"),
            "entries_agreeing": Text("Entries that agree with the document", "与证件相符的条目数"),
            "entries_other_models": Text("Entries of other models", "其他模型的条目数"),
            "entry": Text("Entry", "条目"),
            "sex": Text("Entry: sex", "条目性别"),
            "similarity": Text("Similarity", "相似度"),
        },
        reasons=(
            Reason(
                "watchlist_hit",
                UNABLE,
                Text(
                    "The face is more alike to an entry of the watchlist than chance explains; compare the two pictures.",
                    "人脸与名单中某一条目的相似度超出偶然范围，请人工比对。",
                ),
                mendable=False,
            ),
            Reason(
                "watchlist_other_model",
                LATER,
                Text(
                    "The watchlist was enrolled with another face model; enrol it again with the one in use.",
                    "名单由其他人脸模型录入，请用当前模型重新录入。",
                ),
                mendable=False,
            ),
            Reason(
                "no_watchlist",
                LATER,
                Text("This installation keeps no watchlist.", "本系统未设置监控名单。"),
                mendable=False,
            ),
        ),
        shares=("no_face",),
        point=Bands(
            accept_at=0.01,
            reject_below=-1.0,
            command="python research/benchmarks/bench_identify.py",
            note="the score is the share of innocent people who would meet so good a hit in a list of this size: one in a hundred goes to review, nobody is rejected for a hit",
        ),
    ),
)
