using System.Security.Cryptography;
using System.Text.Json;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Tensors;
using Fleet.Contracts.Validation;

namespace Fleet.Contracts.Tests;

public sealed class ReleaseVerifierTests : IDisposable
{
    private static readonly DateTimeOffset Now = new(2026, 11, 23, 12, 0, 0, TimeSpan.Zero);
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public void Dispose() => _key.Dispose();

    [Fact]
    public void Signed_release_is_trusted_and_read_back() =>
        Assert.Equal("vibration", Verify(Sign(Manifest()), Trusted()).Manifest?.Model);

    [Fact]
    public void Every_single_changed_byte_is_refused()
    {
        var envelope = Sign(Manifest());
        for (var i = 0; i < envelope.Payload.Length; i += 7)
        {
            var payload = (byte[])envelope.Payload.Clone();
            payload[i] ^= 1;
            Assert.Equal(ReleaseFault.SignatureInvalid, Verify(envelope with { Payload = payload }, Trusted()).Fault);
        }
    }

    [Fact]
    public void Release_signed_by_an_unknown_key_is_refused()
    {
        using var other = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        Assert.Equal(ReleaseFault.KeyNotTrusted, Verify(Sign(Manifest()), [ReleaseKey.Of(other.ExportSubjectPublicKeyInfo())]).Fault);
    }

    [Fact]
    public void Key_id_of_a_trusted_key_on_a_foreign_signature_is_refused()
    {
        using var other = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var forged = DsseEnvelope.Sign(DsseEnvelope.InToto, Sign(Manifest()).Payload, other);
        forged = forged with { Signatures = [forged.Signatures[0] with { KeyId = Trusted()[0].Id }] };
        Assert.Equal(ReleaseFault.SignatureInvalid, Verify(forged, Trusted()).Fault);
    }

    [Fact]
    public void Older_version_is_refused() =>
        Assert.Equal(ReleaseFault.VersionTooOld,
            ReleaseVerifier.Verify(Sign(Manifest()), Trusted(), Now, "vibration", minimumVersion: 4).Fault);

    [Fact]
    public void Release_of_another_model_is_refused() =>
        Assert.Equal(ReleaseFault.WrongModel, ReleaseVerifier.Verify(Sign(Manifest()), Trusted(), Now, "speech", 1).Fault);

    [Fact]
    public void Expired_release_is_refused() =>
        Assert.Equal(ReleaseFault.Expired, ReleaseVerifier.Verify(Sign(Manifest()), Trusted(), Now.AddDays(400), "vibration", 1).Fault);

    [Fact]
    public void Manifest_over_the_limit_is_refused_before_it_is_parsed() =>
        Assert.Equal(ReleaseFault.Malformed,
            ReleaseVerifier.Verify(new byte[Limits.ManifestBytes + 1], Trusted(), Now, "vibration", 1).Fault);

    [Fact]
    public void Subjects_that_are_not_the_artifacts_are_refused()
    {
        var statement = ReleaseStatement.About(Manifest()) with
        {
            Subject = [new StatementSubject("other.onnx", new StatementDigest(new string('0', 64)))],
        };
        var envelope = DsseEnvelope.Sign(
            DsseEnvelope.InToto, JsonSerializer.SerializeToUtf8Bytes(statement, FleetJson.Default.ReleaseStatement), _key);
        Assert.Equal(ReleaseFault.Malformed, Verify(envelope, Trusted()).Fault);
    }

    private ReleaseKey[] Trusted() => [ReleaseKey.Of(_key.ExportSubjectPublicKeyInfo())];

    private static ReleaseVerdict Verify(DsseEnvelope envelope, ReleaseKey[] trusted)
        => ReleaseVerifier.Verify(envelope, trusted, Now, "vibration", 1);

    private DsseEnvelope Sign(ReleaseManifest manifest) =>
        DsseEnvelope.Sign(DsseEnvelope.InToto,
            JsonSerializer.SerializeToUtf8Bytes(ReleaseStatement.About(manifest), FleetJson.Default.ReleaseStatement), _key);

    private static ReleaseManifest Manifest() => new()
    {
        Model = "vibration",
        Version = 3,
        CreatedAt = Now.AddDays(-1),
        ExpiresAt = Now.AddDays(365),
        Inputs = [new TensorDescription("input", "FP32", [-1, 1, 1024])],
        Outputs = [new TensorDescription("logits", "FP32", [-1, 6])],
        ValidationSet = new ArtifactReference("validation.npz", new string('a', 64), 1000),
        Variants =
        [
            new Variant
            {
                Id = "x64-int8", Profile = "x64", Scheme = "int8-static-u8s8",
                Artifact = new ArtifactReference("x64-int8.onnx", new string('b', 64), 2000),
                Expected = new Scores { Accuracy = 0.98 }, Gate = new ValidationGate { MinimumAccuracy = 0.96 },
            },
        ],
    };
}
