using System.Collections.Concurrent;
using System.Security.Cryptography.X509Certificates;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Releases;
using Fleet.Server.Certificates;

namespace Fleet.Server.Messaging;

/// <summary>
/// The public keys that devices have shown or were given since: that of the certificate of the connection, and that of a certificate it
/// was renewed to, which the device signs with before it connects anew.
/// </summary>
internal sealed class DeviceKeys
{
    private readonly ConcurrentDictionary<DeviceId, IReadOnlyList<ReleaseKey>> _keys = new();

    /// <summary>The keys of a device; empty when it has not connected since the start, or its kind of key signs nothing here.</summary>
    public IReadOnlyList<ReleaseKey> Of(DeviceId device) => _keys.GetValueOrDefault(device, []);

    /// <summary>The device connects with a certificate: what it had before counts no more.</summary>
    public void Shown(DeviceId device, X509Certificate2 certificate) => _keys[device] = KeysOf(certificate);

    /// <summary>The device is given a certificate in place of the one it shows.</summary>
    public void Renewed(DeviceId device, string certificatePem)
    {
        using var certificate = X509Certificate2.CreateFromPem(certificatePem);
        var renewed = KeysOf(certificate);
        _keys.AddOrUpdate(device, renewed, (_, before) => [.. before.Take(1), .. renewed]);
    }

    private static IReadOnlyList<ReleaseKey> KeysOf(X509Certificate2 certificate)
        => DeviceSignature.KeyOf(certificate) is { } key ? [key] : [];
}
