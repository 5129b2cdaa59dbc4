"""An authority, and certificates by it."""

import datetime
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class CertificateAuthority:
    """Signs certificates into a folder: `NAME.pem` and `NAME.key`; its own is `ca.pem`, or as it is called."""

    def __init__(self, folder, name="ca", days=400):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.name = _name(name)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.path = self.folder / f"{name}.pem"
        certificate = self._build(self.name, self.key, days, [(x509.BasicConstraints(ca=True, path_length=None), True)])
        self.path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def _build(self, subject, key, days, extensions):
        now = datetime.datetime.now(datetime.timezone.utc)
        end = now + datetime.timedelta(days=days)
        begin = min(now, end) - datetime.timedelta(days=1)
        builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(key.public_key())
                   .serial_number(x509.random_serial_number()).not_valid_before(begin).not_valid_after(end))
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(self.key, hashes.SHA256())

    def issue(self, name, days=365, address=None, mode=0o640):
        """A certificate for a gateway or an account, or for a broker at `address`. Returns the paths of both files."""
        key = ec.generate_private_key(ec.SECP256R1())
        extensions = [(x509.BasicConstraints(ca=False, path_length=None), True)]
        if address is not None:
            extensions.append((x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), False))
        certificate = self._build(_name(name), key, days, extensions)
        files = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        files[1].write_bytes(key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        files[1].chmod(mode)
        return files
