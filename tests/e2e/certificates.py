# SPDX-License-Identifier: Apache-2.0
"""A private authority, and certificates that it has signed."""
import ssl
import subprocess


def openssl(folder, *arguments):
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True, timeout=60)


class Authority:
    """In a folder: ca.pem, and for each name NAME.pem with NAME.key."""

    def __init__(self, folder):
        self.folder = folder
        openssl(folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                "-subj", "/CN=a private authority", "-keyout", "ca.key", "-out", "ca.pem")

    @property
    def certificate(self):
        return str(self.folder / "ca.pem")

    def sign(self, name, hosts="DNS:localhost,IP:127.0.0.1"):
        """The options of `sluice serve` for a certificate of these hosts."""
        openssl(self.folder, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        (self.folder / f"{name}.ext").write_text(f"subjectAltName={hosts}\n")
        openssl(self.folder, "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", "2",
                "-CAcreateserial", "-extfile", f"{name}.ext", "-out", f"{name}.pem")
        return ("--tls-cert", str(self.folder / f"{name}.pem"), "--tls-key", str(self.folder / f"{name}.key"))

    def context(self):
        """For a client that believes this authority alone."""
        return ssl.create_default_context(cafile=self.certificate)
