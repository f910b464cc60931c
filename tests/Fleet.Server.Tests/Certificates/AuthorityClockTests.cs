using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Fleet.Contracts.Devices;
using Fleet.Server.Certificates;
using Fleet.TestKit;
using Microsoft.Extensions.Time.Testing;

namespace Fleet.Server.Tests.Certificates;

/// <summary>R11: a first start with a wrong clock made an authority whose every handshake threw once the clock was right.</summary>
public sealed class AuthorityClockTests : IDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(1);
    private static readonly DateTimeOffset Now = new(2026, 11, 27, 12, 0, 0, TimeSpan.Zero);

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("1970-01-01")]
    [InlineData("2025-11-10")]
    [InlineData("2106-02-07")]
    public void First_start_with_a_clock_that_cannot_be_right_is_refused_and_leaves_nothing(string clock)
    {
        var refused = Assert.Throws<InvalidDataException>(() => Open(Utc(clock)));
        Assert.Contains($"clock says {clock}", refused.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_folder["keys"]));
    }

    [Fact]
    public void Clock_that_was_ahead_at_the_first_start_harms_nothing_once_it_is_corrected()
    {
        Open(Now.AddYears(2)).Dispose();
        using var authority = Open(Now);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var issued = authority.IssueDevice(DeviceId.Parse("press-1"), new PublicKey(key), TimeSpan.FromDays(1));
        using var certificate = X509Certificate2.CreateFromPem(issued.Pem);
        Assert.True(authority.IsDevice(certificate));
    }

    [Fact]
    public void Authority_of_an_earlier_version_that_is_not_valid_yet_is_said_at_start_and_mended_by_a_command()
    {
        MakeValidFrom(Now.AddYears(2));
        var refused = Assert.Throws<InvalidDataException>(() => Open(Now));
        Assert.Contains("is valid from 2028-11-27", refused.Message, StringComparison.Ordinal);
        Assert.Contains($"fleet-server begin-authority --Fleet:DataFolder={_folder.Path}", refused.Message, StringComparison.Ordinal);

        var key = File.ReadAllText(_folder["keys", "ca.key"]);
        CertificateAuthority.BeginAnew(_folder.Path, new FakeTimeProvider(Now));
        Assert.Equal(key, File.ReadAllText(_folder["keys", "ca.key"]));
        Assert.True(File.Exists(_folder["ca.pem.before"]));
        using var authority = Open(Now);
        Assert.Contains("nothing was changed",
            Assert.Throws<InvalidDataException>(() => CertificateAuthority.BeginAnew(_folder.Path, new FakeTimeProvider(Now))).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("2001-01-01")]
    [InlineData("2090-01-01")]
    public void Clock_that_is_set_wrong_while_the_server_runs_throws_in_no_handshake(string clock)
    {
        var time = new FakeTimeProvider(Now) { AutoAdvanceAmount = TimeSpan.Zero };
        using var authority = CertificateAuthority.OpenOrCreate(_folder.Path, time);
        time.AdjustTime(Utc(clock));
        using var certificate = authority.IssueServer("localhost", TimeSpan.FromDays(90), new SubjectAlternativeNameBuilder());
        Assert.True(certificate.HasPrivateKey);
    }

    [Fact]
    public async Task Program_says_it_in_a_sentence()
    {
        MakeValidFrom(DateTimeOffset.UtcNow.AddYears(2));
        var start = await ChildProcess.RunAsync(
            Programs.Server, [$"--Fleet:DataFolder={_folder.Path}", "--Fleet:Workers=0"], Deadline);
        Assert.Equal(1, start.Code);
        Assert.StartsWith("The server cannot start: The authority in", start.Output, StringComparison.Ordinal);
        Assert.Single(start.Output.Trim().Split('\n'));
        var mended = await ChildProcess.RunAsync(Programs.Server, ["begin-authority", $"--Fleet:DataFolder={_folder.Path}"], Deadline);
        Assert.True(mended.Code == 0, mended.Output);
    }

    private static DateTimeOffset Utc(string date)
        => DateTimeOffset.Parse(
            date, System.Globalization.CultureInfo.InvariantCulture, System.Globalization.DateTimeStyles.AssumeUniversal);

    private CertificateAuthority Open(DateTimeOffset now) => CertificateAuthority.OpenOrCreate(_folder.Path, new FakeTimeProvider(now));

    /// <summary>What an earlier version left behind whose clock was ahead.</summary>
    private void MakeValidFrom(DateTimeOffset from)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=Fleet CA", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, true, 0, true));
        using var certificate = request.CreateSelfSigned(from, from.AddYears(20));
        Directory.CreateDirectory(_folder["keys"]);
        File.WriteAllText(_folder["keys", "ca.key"], key.ExportPkcs8PrivateKeyPem());
        File.WriteAllText(_folder["ca.pem"], certificate.ExportCertificatePem());
    }
}
