using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Fleet.Contracts.Devices;
using Fleet.Server.Certificates;
using Fleet.TestKit;
using Microsoft.Extensions.Time.Testing;

namespace Fleet.Server.Tests.Certificates;

/// <summary>A certificate whose chain was built once is not built again; whatever can change is still judged each time.</summary>
public sealed class DeviceCertificateTests : IDisposable
{
    private static readonly DeviceId Press = DeviceId.Parse("press-1");

    private readonly TemporaryFolder _folder = new();
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 11, 27, 12, 0, 0, TimeSpan.Zero));
    private readonly CertificateAuthority _authority;

    public DeviceCertificateTests() => _authority = CertificateAuthority.OpenOrCreate(_folder.Path, _time);

    public void Dispose()
    {
        _authority.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Certificate_that_was_good_is_refused_once_its_time_is_over_and_before_it_begins()
    {
        using var certificate = Issued(_authority);
        Assert.Equal(Press, _authority.DeviceOf(certificate));
        _time.Advance(TimeSpan.FromDays(2));
        Assert.Null(_authority.DeviceOf(certificate));
        Assert.Equal(Press, _authority.IssuedTo(certificate));
        _time.AdjustTime(_time.GetUtcNow().AddYears(-3));
        Assert.Null(_authority.DeviceOf(certificate));
    }

    [Fact]
    public void Handshake_that_built_the_chain_takes_what_the_authority_takes()
    {
        using var certificate = Issued(_authority);
        using var chain = new X509Chain { ChainPolicy = _authority.HandshakePolicy() };
        Assert.True(chain.Build(certificate));
        Assert.True(_authority.IsDevice(certificate, chain));
        _time.Advance(TimeSpan.FromDays(2));
        Assert.True(chain.Build(certificate));
        Assert.False(_authority.IsDevice(certificate, chain));
    }

    [Fact]
    public void Chain_of_another_authority_or_with_a_device_in_between_makes_no_device()
    {
        using var otherFolder = new TemporaryFolder();
        using var other = CertificateAuthority.OpenOrCreate(otherFolder.Path, _time);
        using var foreign = Issued(other);
        using var chain = new X509Chain { ChainPolicy = other.HandshakePolicy() };
        Assert.True(chain.Build(foreign));
        Assert.False(_authority.IsDevice(foreign, chain));
        Assert.Null(_authority.DeviceOf(foreign));

        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var device = Issued(_authority, key);
        using var deviceWithKey = device.CopyWithPrivateKey(key);
        using var forged = Forged(deviceWithKey);
        using var longer = new X509Chain { ChainPolicy = _authority.HandshakePolicy() };
        longer.ChainPolicy.ExtraStore.Add(device);
        Assert.False(longer.Build(forged));
        Assert.False(_authority.IsDevice(forged, longer));
    }

    /// <summary>What a device would sign for another with its own key.</summary>
    private X509Certificate2 Forged(X509Certificate2 device)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=press-2", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.2")], critical: false));
        return request.Create(
            device.SubjectName, X509SignatureGenerator.CreateForECDsa(device.GetECDsaPrivateKey()!), _time.GetUtcNow().AddMinutes(-1),
            _time.GetUtcNow().AddHours(1), [1, 2, 3, 4]);
    }

    private static X509Certificate2 Issued(CertificateAuthority authority)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return Issued(authority, key);
    }

    private static X509Certificate2 Issued(CertificateAuthority authority, ECDsa key)
        => X509Certificate2.CreateFromPem(authority.IssueDevice(Press, new PublicKey(key), TimeSpan.FromDays(1)).Pem);
}
