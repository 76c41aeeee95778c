"""A mail server of aiosmtpd for tests/mail.rs: writes each mail it has taken to a file.

server.py FOLDER PORT plain|starttls|tls CERTIFICATE KEY USER PASSWORD

With a user it takes nothing from whoever has not logged in. Refuses nobody@ for ever, and never says
what became of a mail to silence@. Says its port when it listens.
"""

import asyncio
import base64
import email
import email.policy
import itertools
import json
import os
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

folder, port, security, certificate, key, user, password = sys.argv[1:]
numbers = itertools.count(len(os.listdir(folder)))


class Keeper:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody@"):
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, server, session, envelope):
        if any(to.startswith("silence@") for to in envelope.rcpt_tos):
            await asyncio.sleep(3600)
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        kept = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "tls": session.ssl is not None or security == "tls",
            "login": session.authenticated,
            "subject": str(mail["subject"]),
            "id": str(mail["message-id"]),
            "headers": mail.keys(),
            "defects": [str(defect) for defect in mail.defects],
            "text": mail.get_body(("plain",)).get_content(),
            "pictures": [
                base64.b64encode(part.get_content()).decode()
                for part in mail.iter_attachments()
            ],
        }
        name = os.path.join(folder, f"{next(numbers):04}.json")
        with open(name + ".new", "w") as file:
            json.dump(kept, file)
        os.rename(name + ".new", name)
        return "250 kept"


def authenticate(server, session, envelope, mechanism, data):
    right = data.login == user.encode() and data.password == password.encode()
    return AuthResult(success=right, handled=right)


async def main():
    context = None
    if security != "plain":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)

    def server():
        return SMTP(
            Keeper(),
            hostname="localhost",
            tls_context=context if security == "starttls" else None,
            require_starttls=security == "starttls",
            auth_required=bool(user),
            auth_require_tls=security == "starttls",
            authenticator=authenticate,
        )

    over = context if security == "tls" else None
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(server, "127.0.0.1", int(port), ssl=over)
    print(listening.sockets[0].getsockname()[1], flush=True)
    await listening.serve_forever()


asyncio.run(main())
