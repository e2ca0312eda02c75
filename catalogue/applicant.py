"""What is an applicant told to do? The few sentences that reasons choose from."""

from veridical.catalogue.spec import Text

LOOK = Text(
    "Please look straight at the camera, alone, with your whole face in view, and try again.",
    "请独自正对摄像头，露出完整面部，再试一次。",
)
CLOSER = Text("Please come closer to the camera and try again.", "请靠近摄像头，再试一次。")
FARTHER = Text(
    "Please move a little away from the camera and try again.", "请稍微远离摄像头，再试一次。"
)
LIGHT = Text(
    "Please find even light, neither too dark nor too bright, and try again.",
    "请在光线均匀、不过暗也不过亮的地方再试一次。",
)
TURN = Text(
    "Please turn towards the light so that both sides of your face are lit, and try again.",
    "请面向光源，使面部两侧光线均匀，再试一次。",
)
EYES = Text("Please keep your eyes open and try again.", "请睁开双眼，再试一次。")
UNCOVER = Text(
    "Please take off whatever covers your eyes or face and try again.",
    "请取下遮挡眼睛或面部的物品，再试一次。",
)
STEADY = Text(
    "Please hold the camera still, clean its lens, and try again.",
    "请保持摄像头稳定并擦净镜头，再试一次。",
)
RECAPTURE = Text(
    "Please record again with an ordinary colour camera, without filters.",
    "请使用普通彩色摄像头、不加滤镜重新拍摄。",
)
IN_ONE_GO = Text(
    "Please record again in one go, with other programs closed and the camera held still.",
    "请关闭其他程序、保持设备稳定，一次性重新录制。",
)
DOCUMENT = Text(
    "Please lay the document flat in good light and photograph all of it.",
    "请将证件平放在光线良好处，完整拍摄。",
)
OTHER_DOCUMENT = Text(
    "Please use a valid document of a kind we accept.", "请使用我们接受的有效证件。"
)
SPEAK = Text(
    "Please read the digits aloud, one by one, in a quiet place.",
    "请在安静的环境中逐个大声读出数字。",
)
READ = Text(
    "Please read the text aloud, word for word, in a quiet place.", "请在安静的环境中逐字朗读全文。"
)
SCREEN = Text(
    "Please turn the brightness up, switch off colour filters, go out of bright light, and try again.",
    "请调高亮度，关闭护眼或反色模式，避开强光，再试一次。",
)
AGAIN = Text(
    "The connection was too slow. Please try again, best with a better one.",
    "网络连接过慢，请在更好的网络环境下再试一次。",
)
FOLLOW = Text(
    "Please turn your head as the arrows show, as soon as each appears, and come back to the middle.",
    "请在箭头出现时按方向转头，然后回正。",
)
STAY = Text(
    "Please stay in front of the camera until the recording ends, and try again.",
    "请在录制结束前始终正对摄像头，再试一次。",
)
ANSWER = Text(
    "Please answer every question aloud with one of the answers shown, and try again.",
    "请用屏幕上的答语大声回答每个问题，再试一次。",
)
REFUSED = Text(
    "You did not agree, so nothing was concluded. Our staff will help you if this was not meant.",
    "您未表示同意，业务未办理。如非本意，请联系工作人员。",
)
UNABLE = Text(
    "We could not verify you this time. Our staff will help you.",
    "本次未能完成核验，工作人员将为您提供帮助。",
)
LATER = Text(
    "The service is not complete at the moment. Please try later.", "服务暂不可用，请稍后再试。"
)
