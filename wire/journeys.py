"""How does an applicant come to the page, and go on with it on another device?"""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints

from veridical.wire.base import Answer, Instant, Request
from veridical.wire.transactions import Transaction

__all__ = ["Agreement", "Brand", "DeviceProof", "Journey", "Link", "LinkOpening"]

_ID = "t_0123456789abcdef0123456789abcdef"
_KEY = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE…"


class LinkOpening(Request):
    """A link that an applicant opened, and the key of the device it was opened on.

    Attributes:
        link: What stands after the `#` of its address.
        public_key: SubjectPublicKeyInfo of a P-256 key in base64. Its other half never leaves the
            device: in a browser it is made as one that cannot be read out.
    """

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"link": f"vl_{_ID}_secret", "public_key": _KEY}]}
    )

    link: Annotated[str, StringConstraints(max_length=200)]
    public_key: Annotated[str, StringConstraints(max_length=400)]


class DeviceProof(Request):
    """A device shows that it is the one that opened the link.

    Attributes:
        device: What opening answered.
        number: Higher than in every proof before: none is good twice.
        signature: ECDSA with SHA-256 over `veridical.device/1|DEVICE|NUMBER`, as 64 bytes (r, s) in
            base64.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"device": "5f0a" * 8, "number": 1700000000000, "signature": "MEUC…"}]
        }
    )

    device: Annotated[str, StringConstraints(pattern="^[0-9a-f]{32}$")]
    number: Annotated[int, Field(ge=1, lt=2**53, strict=True)]
    signature: Annotated[str, StringConstraints(max_length=200)]


class Agreement(Request):
    """An applicant agrees, on the page, to what face and voice are used for.

    Attributes:
        biometrics: Nothing goes on without.
        text_version: Which text was shown.
        language: In which language.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"biometrics": True, "text_version": "2026-11", "language": "en"}]
        }
    )

    biometrics: Literal[True]
    text_version: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    language: Annotated[str, StringConstraints(max_length=20)] = ""


class Brand(Answer):
    """How a tenant's page looks.

    Attributes:
        name: Who asks for the verification, for people.
        accent: Colour of buttons, `#rrggbb`; empty for the page's own.
        logo: PNG in base64; empty for none.
    """

    name: str
    accent: str = ""
    logo: str = Field(default="", repr=False)


class Journey(Answer):
    """What the page needs to lead an applicant on.

    Attributes:
        device: Name of this device, for its next proof.
        upload_token: For the routes of this one transaction; the one before is void.
        transaction: As an applicant sees it.
        agreed: Whether the applicant has agreed.
        brand: Who asks.
        return_url: Where the applicant goes in the end; empty where nothing was said.
        locale: Language that the caller asked for.
    """

    device: str
    upload_token: str = Field(repr=False)
    transaction: Transaction
    agreed: bool
    brand: Brand
    return_url: str = ""
    locale: str = "en"


class Link(Answer):
    """A link by which another device takes a transaction over.

    Attributes:
        url: To be opened there, once.
        expires_at: Until then.
        qr: The same as a QR code: an SVG picture.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "url": f"https://verify.bank.example/verify#vl_{_ID}_secret",
                    "expires_at": "2026-11-22T01:12:03.456Z",
                    "qr": "<svg …/>",
                }
            ]
        }
    )

    url: str = Field(repr=False)
    expires_at: Instant
    qr: str = Field(repr=False)
