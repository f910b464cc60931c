using System.Security.Cryptography.X509Certificates;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Server.Certificates;

namespace Fleet.Server.Enrollment;

/// <summary>A device that waits for an operator's approval, as it is stored, under the id it asked for.</summary>
internal sealed record PendingEnrollment
{
    /// <summary>The join token it came with.</summary>
    public required string Token { get; init; }

    /// <summary>Its public key (SubjectPublicKeyInfo), which it has proved to hold.</summary>
    public required byte[] PublicKey { get; init; }

    /// <summary>What it said that it is.</summary>
    public required DeviceFacts Facts { get; init; }

    /// <summary>When it asked first.</summary>
    public required DateTimeOffset AskedAt { get; init; }

    /// <summary>When an operator rejected it.</summary>
    public DateTimeOffset? RejectedAt { get; init; }

    /// <summary>Its public key.</summary>
    public PublicKey Key() => System.Security.Cryptography.X509Certificates.PublicKey.CreateFromSubjectPublicKeyInfo(PublicKey, out _);

    /// <summary>True when a request of that token and key is the one that waits.</summary>
    public bool IsOf(string token, SigningRequest request)
        => Token == token && IssuedCertificate.KeyHashOf(Key()) == request.KeyHash;

    /// <summary>What operators see.</summary>
    public PendingDeviceView ToView(string id)
        => new(DeviceId.Parse(id), Token, AskedAt, IssuedCertificate.KeyHashOf(Key()), Facts);
}
