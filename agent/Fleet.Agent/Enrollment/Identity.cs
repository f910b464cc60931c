using Fleet.Contracts.Devices;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Trust;

namespace Fleet.Agent.Enrollment;

/// <summary>Who this device is and whom it trusts: everything an enrollment leaves behind, in one file.</summary>
internal sealed record Identity
{
    /// <summary>The device's id, the common name of its certificate.</summary>
    public required DeviceId Device { get; init; }

    /// <summary>The server's address for devices, where artifacts are.</summary>
    public required Uri Server { get; init; }

    /// <summary>Host and port of the broker.</summary>
    public required string Mqtt { get; init; }

    /// <summary>
    /// Where else the server may be: announced by an order and not reached yet. Tried in turn when the other does not answer.
    /// </summary>
    public ServerAddresses? Next { get; init; }

    /// <summary>The profile declared by hand; null when the facts decide.</summary>
    public string? Profile { get; init; }

    /// <summary>The device's certificate, PEM.</summary>
    public required string Certificate { get; init; }

    /// <summary>Its private key, PKCS#8 PEM. It never leaves the device.</summary>
    public required string PrivateKey { get; init; }

    /// <summary>The server's CA, PEM: the only root that this device trusts.</summary>
    public required string CertificateAuthority { get; init; }

    /// <summary>The root of trust, signed; null until a server showed one.</summary>
    public DsseEnvelope? Root { get; init; }

    /// <summary>Keys trusted to sign releases: those of the root where there is one.</summary>
    public required IReadOnlyList<ReleaseKey> ReleaseKeys { get; init; }

    /// <summary>When it was enrolled, by the server's clock.</summary>
    public required DateTimeOffset EnrolledAt { get; init; }

    /// <summary>
    /// With the address that the newest order announces, kept until it is where the server answers. With null the server moves nowhere: an
    /// address that was announced before is forgotten, and the one in use stays, for the order came over it.
    /// </summary>
    public Identity Announced(ServerAddresses? address)
        => this with { Next = address == new ServerAddresses(Server, Mqtt) ? null : address };

    /// <summary>With the two addresses exchanged.</summary>
    public Identity Turned() => Next is { } next
        ? this with { Server = next.Server, Mqtt = next.Mqtt, Next = new ServerAddresses(Server, Mqtt) }
        : this;

    /// <summary>The id alone: records print their members, and one of these is a private key.</summary>
    public override string ToString() => $"device {Device}";
}
