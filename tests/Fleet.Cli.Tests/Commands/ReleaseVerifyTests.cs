using System.Security.Cryptography;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Tensors;
using Fleet.Contracts.Validation;
using Fleet.TestKit;

namespace Fleet.Cli.Tests.Commands;

/// <summary><c>fleet releases verify</c>: the judgement of a device, on a laptop.</summary>
public sealed class ReleaseVerifyTests : IDisposable
{
    private readonly ShellUnderTest _fleet = new();
    private readonly TemporaryFolder _folder = new();
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public ReleaseVerifyTests() => File.WriteAllText(_folder["key.pem"], _key.ExportSubjectPublicKeyInfoPem());

    public void Dispose()
    {
        _fleet.Dispose();
        _folder.Dispose();
        _key.Dispose();
    }

    [Fact]
    public async Task Release_signed_by_a_trusted_key_is_shown()
    {
        Write(Signed(DateTimeOffset.UtcNow.AddDays(30)));
        Assert.Equal(0, await VerifyAsync("--json"));
        Assert.Equal("vibration", JsonDocument.Parse(_fleet.Output).RootElement.GetProperty("model").GetString());
    }

    [Fact]
    public async Task Manifest_with_one_byte_changed_is_refused()
    {
        var envelope = Signed(DateTimeOffset.UtcNow.AddDays(30));
        envelope.Payload[envelope.Payload.Length / 2] ^= 1;
        Write(envelope);
        await RefusedAsync("SignatureInvalid");
    }

    [Fact]
    public async Task Release_that_has_expired_is_refused()
    {
        Write(Signed(DateTimeOffset.UtcNow.AddSeconds(-1)));
        await RefusedAsync("Expired");
    }

    [Fact]
    public async Task Release_older_than_asked_for_is_refused()
    {
        Write(Signed(DateTimeOffset.UtcNow.AddDays(30)));
        await RefusedAsync("VersionTooOld", "--minimum-version", "4");
    }

    [Fact]
    public async Task Release_of_an_unknown_key_is_refused()
    {
        using var other = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        Write(Signed(DateTimeOffset.UtcNow.AddDays(30)));
        await File.WriteAllTextAsync(_folder["key.pem"], other.ExportSubjectPublicKeyInfoPem());
        await RefusedAsync("KeyNotTrusted");
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("not json")]
    [InlineData("")]
    public async Task File_that_is_not_a_release_is_refused(string text)
    {
        await File.WriteAllTextAsync(_folder["release.json"], text);
        await RefusedAsync("Malformed");
    }

    private async Task RefusedAsync(string fault, params string[] more)
    {
        Assert.Equal(1, await VerifyAsync(more));
        Assert.Contains(fault, _fleet.Error, StringComparison.Ordinal);
        Assert.Empty(_fleet.Output);
    }

    private Task<int> VerifyAsync(params string[] more)
        => _fleet.RunAsync(["releases", "verify", _folder["release.json"], "--trusted-key", _folder["key.pem"], .. more]);

    private void Write(DsseEnvelope envelope)
        => File.WriteAllBytes(_folder["release.json"], JsonSerializer.SerializeToUtf8Bytes(envelope, FleetJson.Default.DsseEnvelope));

    private DsseEnvelope Signed(DateTimeOffset expiresAt)
    {
        var tensor = new TensorDescription("input", "FP32", [-1, 1, 1024]);
        var manifest = new ReleaseManifest
        {
            Model = "vibration",
            Version = 3,
            CreatedAt = expiresAt.AddDays(-60),
            ExpiresAt = expiresAt,
            Inputs = [tensor],
            Outputs = [tensor],
            ValidationSet = new ArtifactReference("validation.npz", new string('a', 64), 100),
            Variants =
            [
                new Variant
                {
                    Id = "x64-int8", Profile = "x64", Scheme = "int8-static-u8s8",
                    Artifact = new ArtifactReference("x64-int8.onnx", new string('b', 64), 200),
                    Expected = new Scores { Accuracy = 0.98 }, Gate = new ValidationGate { MinimumAccuracy = 0.96 },
                },
            ],
        };
        return DsseEnvelope.Sign(DsseEnvelope.InToto,
            JsonSerializer.SerializeToUtf8Bytes(ReleaseStatement.About(manifest), FleetJson.Default.ReleaseStatement), _key);
    }
}
