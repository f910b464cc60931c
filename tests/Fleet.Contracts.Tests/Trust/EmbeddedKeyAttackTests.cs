using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Releases;
using Fleet.Contracts.State;
using Fleet.Contracts.Trust;
using Fleet.TestKit;

namespace Fleet.Contracts.Tests.Trust;

/// <summary>
/// Objects that bring the key they are to be judged by, and objects that nobody signed. Verifiers of other systems have taken the key from
/// a header of the object itself.
/// </summary>
public sealed class EmbeddedKeyAttackTests : IDisposable
{
    private readonly SignedFleet _fleet = new();
    private readonly ECDsa _theirs = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    private ReleaseKey Theirs => SignedFleet.PublicOf(_theirs);

    private ReleaseKey[] Trusted => [SignedFleet.PublicOf(_fleet.ReleaseKey)];

    public void Dispose()
    {
        _fleet.Dispose();
        _theirs.Dispose();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Release_that_brings_its_own_key_is_refused(bool underTrustedName)
    {
        var envelope = Bringing(DsseEnvelope.Sign(DsseEnvelope.InToto, Statement(), _theirs), underTrustedName ? Trusted[0].Id : Theirs.Id);
        var verdict = ReleaseVerifier.Verify(envelope, Trusted, DateTimeOffset.UtcNow, "vibration", 1);
        Assert.Equal((false, underTrustedName ? ReleaseFault.SignatureInvalid : ReleaseFault.KeyNotTrusted),
            (verdict.Trusted, verdict.Fault));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Order_that_brings_its_own_key_is_refused(bool underTrustedName)
    {
        var order = Bringing(
            _fleet.Sign(_fleet.Order("dev-1", 1), _theirs), underTrustedName ? SignedFleet.PublicOf(_fleet.OrderKey).Id : Theirs.Id);
        Assert.False(Judge(order).Accepted);
    }

    [Fact]
    public void Root_that_only_the_keys_it_brings_have_signed_is_refused()
    {
        var root = _fleet.Root with
        {
            Version = 2,
            Keys = [Theirs, .. _fleet.Root.Keys.Where(key => !_fleet.Root.Roles.Root.Keys.Contains(key.Id))],
            Roles = _fleet.Root.Roles with { Root = new TrustRole([Theirs.Id], 1) },
        };
        var verdict = RootChain.Follow(_fleet.Root, Bringing(SignedFleet.Sign(root, _theirs), Theirs.Id));
        Assert.Equal((false, RootFault.ThresholdMissed), (verdict.Trusted, verdict.Fault));
    }

    [Theory]
    [InlineData("hint")]
    [InlineData("no hint")]
    [InlineData("certificate")]
    public void Model_signature_that_brings_its_own_key_is_refused(string how)
    {
        var files = new Dictionary<string, string> { ["model.onnx"] = new('a', 64) };
        var signed = DsseEnvelope.Sign(DsseEnvelope.InToto, ModelSignature.StatementOf("m", files), _theirs);
        var bundle = JsonNode.Parse(ModelSignature.BundleOf(signed, how == "hint" ? Trusted[0] : Theirs))!;
        var material = bundle["verificationMaterial"]!.AsObject();
        material["publicKey"]!["rawBytes"] = Convert.ToBase64String(Theirs.PublicKey);
        if (how == "no hint") material["publicKey"]!.AsObject().Remove("hint");
        if (how == "certificate")
        {
            material.Remove("publicKey");
            material["certificate"] = new JsonObject { ["rawBytes"] = Convert.ToBase64String(Theirs.PublicKey) };
        }
        Assert.NotNull(ModelSignature.ProblemOf(Encoding.UTF8.GetBytes(bundle.ToJsonString()), Trusted, files));
    }

    [Fact]
    public void What_nobody_signed_is_refused()
    {
        DsseEnvelope Unsigned(DsseEnvelope envelope) => envelope with { Signatures = [] };
        Assert.False(ReleaseVerifier.Verify(
            Unsigned(DsseEnvelope.Sign(DsseEnvelope.InToto, Statement(), _fleet.ReleaseKey)), Trusted,
            DateTimeOffset.UtcNow, "vibration", 1)
            .Trusted);
        Assert.False(Judge(Unsigned(_fleet.Sign(_fleet.Order("dev-1", 1)))).Accepted);
        Assert.False(RootChain.Follow(_fleet.Root, Unsigned(_fleet.Rotate(orders: true))).Trusted);
        Assert.False(RootChain.First(Unsigned(_fleet.Roots[0]), null).Trusted);
        var files = new Dictionary<string, string> { ["model.onnx"] = new('a', 64) };
        var statement = DsseEnvelope.Sign(DsseEnvelope.InToto, ModelSignature.StatementOf("m", files), _fleet.ReleaseKey);
        Assert.Null(ModelSignature.ProblemOf(ModelSignature.BundleOf(statement, Trusted[0]), Trusted, files));
        Assert.NotNull(ModelSignature.ProblemOf(ModelSignature.BundleOf(Unsigned(statement), Trusted[0]), Trusted, files));
    }

    /// <summary>The envelope as it would arrive, with a key wherever a reader might look for one.</summary>
    private DsseEnvelope Bringing(DsseEnvelope envelope, string keyId)
    {
        var json = JsonSerializer.SerializeToNode(envelope, FleetJson.Default.DsseEnvelope)!;
        var signature = json["signatures"]![0]!;
        signature["keyid"] = keyId;
        foreach (var place in (JsonNode[])[json, signature])
        {
            place["publicKey"] = Convert.ToBase64String(Theirs.PublicKey);
            place["cert"] = Convert.ToBase64String(Theirs.PublicKey);
            place["jwk"] = new JsonObject { ["kty"] = "EC" };
            place["releaseKeys"] = JsonSerializer.SerializeToNode(Theirs, FleetJson.Default.ReleaseKey);
        }
        return json.Deserialize(FleetJson.Default.DsseEnvelope)!;
    }

    private static byte[] Statement() => JsonSerializer.SerializeToUtf8Bytes(
        ReleaseStatement.About(Samples.Manifest()), FleetJson.Default.ReleaseStatement);

    private OrderVerdict Judge(DsseEnvelope order)
        => OrderVerifier.Verify(order, 1, new DesiredState { Revision = 1, Assignments = [] }.Ordered(),
            new OrderGround
            {
                Root = _fleet.Root,
                Device = DeviceId.Parse("dev-1"),
                Accepted = new OrderPlace(1, 0),
                Known = new HashSet<string>(),
                Now = DateTimeOffset.UtcNow,
            });
}
