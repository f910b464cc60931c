using Fleet.Contracts.Devices;
using Fleet.Contracts.Releases;
using Fleet.Server.Certificates;
using Org.BouncyCastle.Crypto.Parameters;
using Org.BouncyCastle.Crypto.Signers;
using Org.BouncyCastle.Security;
using Org.BouncyCastle.X509;

namespace Fleet.Server.Tests.Devices;

/// <summary>The key of a device whose client is not ours: agents make keys on P-256.</summary>
internal sealed class Ed25519Key
{
    private readonly Ed25519PrivateKeyParameters _key = new(new SecureRandom());

    /// <summary>SubjectPublicKeyInfo, as a device writes it.</summary>
    public byte[] PublicKey => SubjectPublicKeyInfoFactory.CreateSubjectPublicKeyInfo(_key.GeneratePublicKey()).GetDerEncoded();

    /// <summary>Its certificate, in PEM.</summary>
    public string CertificateOf(DeviceId device, CertificateAuthority authority) => authority.IssueDevice(
        device, System.Security.Cryptography.X509Certificates.PublicKey.CreateFromSubjectPublicKeyInfo(PublicKey, out _),
        TimeSpan.FromDays(1)).Pem;

    /// <summary>Signs as the page of the protocol says.</summary>
    public DsseEnvelope Sign(string payloadType, byte[] payload)
    {
        var signer = new Ed25519Signer();
        signer.Init(forSigning: true, _key);
        var bytes = DsseEnvelope.PreAuthenticationEncoding(payloadType, payload);
        signer.BlockUpdate(bytes, 0, bytes.Length);
        return new DsseEnvelope
        {
            PayloadType = payloadType,
            Payload = payload,
            Signatures = [new DsseSignature(ReleaseKey.IdOf(PublicKey), signer.GenerateSignature())],
        };
    }

    /// <summary>The same payload, signed by this key alone.</summary>
    public DsseEnvelope Sign(DsseEnvelope signed) => Sign(signed.PayloadType, signed.Payload);
}
