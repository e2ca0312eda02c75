"""`veridical webcam`: the capture page, on this machine or on a phone beside it."""

import secrets
import threading
import time
import webbrowser
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import segno
import typer
import uvicorn
from pydantic import SecretStr

from veridical.errors import InputError
from veridical.evaluation.qa_protocol import PROTOCOL
from veridical.service.logs import log_to
from veridical.service.pages.qa import QaFolder
from veridical.service.pages.tls import address_in_network, certificate_for
from veridical.service.serving import app_of, server_of
from veridical.service.settings import ServiceSettings

__all__ = ["Page", "announce", "forget_participant", "show_protocol", "webcam"]


def webcam(
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")] = 8080,
    policy: Annotated[
        str, typer.Option(help="What is asked; `demo` lets specimen documents through.")
    ] = "",
    tls: Annotated[
        bool,
        typer.Option("--tls", help="Serve the local network over HTTPS, and show a QR code."),
    ] = False,
    host: Annotated[
        str, typer.Option(help="With --tls: this machine's address or name for the phone.")
    ] = "",
    qa_dir: Annotated[
        Path | None, typer.Option(help="Keep consented recordings with their labels here.")
    ] = None,
    forget: Annotated[
        str,
        typer.Option(
            metavar="PARTICIPANT",
            help="Instead of serving, remove a participant's recordings from --qa-dir.",
        ),
    ] = "",
    show: Annotated[bool, typer.Option("--open/--no-open", help="Open the page.")] = True,
) -> None:
    """Serve the capture page and open it: try yourself, or record for QA.

    Beyond this machine, cameras work over HTTPS only: --tls makes a certificate, which the phone
    has to be told to trust once, and a key that holds until this command ends.
    """
    if host and not tls:
        raise InputError("--host is for the phone's way in: give --tls as well", "usage.webcam")
    settings = ServiceSettings()
    if forget:
        forget_participant(forget, qa_dir or settings.qa_dir)
        return
    log_to(level="warning")  # a person looks at this terminal
    settings.policy = policy or settings.policy
    settings.qa_dir = qa_dir or settings.qa_dir
    if tls:
        host = host or address_in_network()
        held = certificate_for(host, settings.data_dir / "webcam")
        settings.api_key = SecretStr(secrets.token_urlsafe(24))
        everywhere = "0.0.0.0"  # noqa: S104  # what --tls is asked for
        server = server_of(
            app_of(settings, everywhere, hosts=(host.lower(),)),
            everywhere,
            port,
            "warning",
            str(held.certificate),
            str(held.key),
        )
        # After the #: browsers keep it to themselves, so that it stands in nobody's log.
        key = settings.api_key.get_secret_value()
        page = Page(f"https://{host}", f"#key={key}", show, held.fingerprint)
    else:
        loopback = "127.0.0.1"
        server = server_of(app_of(settings, loopback, dev=True), loopback, port, "warning")
        page = Page(f"http://{loopback}", "", show)
    if settings.qa_dir is not None:
        show_protocol(QaFolder(settings.qa_dir))
    threading.Thread(target=announce, args=(server, page), daemon=True).start()
    server.run()


def forget_participant(participant: str, folder: Path | None) -> None:
    """Remove the recordings of somebody who withdraws, and say how many there were.

    Raises:
        InputError: `usage.webcam`: no folder is named.
    """
    if folder is None:
        raise InputError("where are the recordings? give --qa-dir as well", "usage.webcam")
    typer.echo(f"{QaFolder(folder).forget(participant)} recordings removed")


def show_protocol(folder: QaFolder) -> None:
    """Say what the protocol records of each participant, and who lacks what."""
    typer.echo("of each participant, after consent (docs/how-to/qa.md):")
    for sitting in PROTOCOL:
        typer.echo(
            f"  {'attack ' if sitting.attack else 'genuine'} {sitting.name:9} {sitting.words}"
        )
    for participant, missing in folder.lacking().items():
        typer.echo(f"  {participant}: {'lacks ' + ', '.join(missing) if missing else 'complete'}")


@dataclass(frozen=True, slots=True)
class Page:
    """Where the page will be, and who is told.

    Attributes:
        origin: Scheme and host.
        fragment: What follows the path; holds the key.
        show: Whether this machine's browser opens it.
        fingerprint: Of the certificate; empty without.
    """

    origin: str
    fragment: str
    show: bool
    fingerprint: str = ""


def announce(server: "uvicorn.Server", page: Page) -> None:
    """Once the server listens: print the address, for phones as a QR code too, and open it."""
    while not server.started:
        if server.should_exit:
            return
        time.sleep(0.05)
    port = server.servers[0].sockets[0].getsockname()[1]
    address = f"{page.origin}:{port}/demo{page.fragment}"
    typer.echo(f"capture page   {address}")
    typer.echo(f"reviewers      {page.origin}:{port}/operator{page.fragment}")
    if page.fingerprint:
        segno.make(address, error="l").terminal(compact=True)
        typer.echo("The phone will warn once: the certificate is this machine's own. Compare, then")
        typer.echo(f"trust it. SHA-256 {page.fingerprint}")
    if page.show:
        webbrowser.open(address)
