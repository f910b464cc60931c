using Fleet.Contracts.Protocol;
using Fleet.Contracts.Releases;

namespace Fleet.Contracts.Tests;

public sealed class ManifestRulesTests
{
    private static readonly Dictionary<string, (Func<ReleaseManifest, ReleaseManifest> Break, string Says)> Rows = new()
    {
        ["model"] = (manifest => manifest with { Model = "../etc" }, "Model name '../etc'"),
        ["version"] = (manifest => manifest with { Version = 0 }, "Version 0"),
        ["expiry"] = (manifest => manifest with { ExpiresAt = manifest.CreatedAt }, "expires before it was created"),
        ["no input"] = (manifest => manifest with { Inputs = [] }, "at least one input"),
        ["no output"] = (manifest => manifest with { Outputs = [] }, "at least one input and one output"),
        ["no variant"] = (manifest => manifest with { Variants = [] }, "1 to 64 variants, not 0"),
        ["a variant too many"] = (manifest => Variants(manifest, Limits.VariantsPerRelease + 1), "1 to 64 variants, not 65"),
        ["variant twice"] = (manifest => manifest with { Variants = [manifest.Variants[0], manifest.Variants[0]] }, "same id"),
        ["variant id"] = (manifest => Variant(manifest, variant => variant with { Id = "X64" }), "Variant id 'X64'"),
        ["variant profile"] = (manifest => Variant(manifest, variant => variant with { Profile = "" }), "Profile ''"),
        ["gate without time"] = (
            manifest => Variant(manifest, variant => variant with { Gate = variant.Gate with { Deadline = TimeSpan.Zero } }),
            "must be above zero"),
        ["digest too short"] = (manifest => Artifact(manifest, artifact => artifact with { Sha256 = "abc" }), "digest 'abc'"),
        ["digest in capitals"] = (
            manifest => Artifact(manifest, artifact => artifact with { Sha256 = new string('A', 64) }), "64 lower-case hexadecimal digits"),
        ["digest that is a path"] = (manifest => Artifact(manifest, artifact => artifact with { Sha256 = "/".PadRight(64, 'a') }),
            "64 lower-case hexadecimal digits"),
        ["empty artifact"] = (manifest => Artifact(manifest, artifact => artifact with { Bytes = 0 }), "has 0 bytes"),
        ["artifact over the limit"] = (manifest => Artifact(manifest, artifact => artifact with { Bytes = Limits.ArtifactBytes + 1 }),
            $"has {Limits.ArtifactBytes + 1} bytes"),
        ["validation set over the limit"] = (
            manifest => manifest with { ValidationSet = manifest.ValidationSet with { Bytes = Limits.ArtifactBytes + 1 } },
            "Artifact validation.npz"),
    };

    public static TheoryData<string> Broken => [.. Rows.Keys];

    [Theory]
    [MemberData(nameof(Broken))]
    public void Broken_rule_is_named_once(string rule)
        => Assert.Contains(Rows[rule].Says, Assert.Single(ManifestRules.ProblemsOf(Rows[rule].Break(Samples.Manifest()))),
            StringComparison.Ordinal);

    [Fact]
    public void Limits_themselves_are_allowed()
    {
        Assert.Empty(ManifestRules.ProblemsOf(Samples.Manifest()));
        Assert.Empty(ManifestRules.ProblemsOf(Variants(Samples.Manifest(), Limits.VariantsPerRelease)));
        Assert.Empty(ManifestRules.ProblemsOf(Artifact(Samples.Manifest(), artifact => artifact with { Bytes = Limits.ArtifactBytes })));
    }

    [Theory]
    [InlineData(Limits.DetailLength, false)]
    [InlineData(Limits.DetailLength + 1, true)]
    public void Detail_beyond_the_limit_is_cut_and_says_so(int length, bool cut)
    {
        var detail = Limits.Detail(new string('x', length));
        Assert.Equal(Math.Min(length, Limits.DetailLength), detail.Length);
        Assert.Equal(cut, detail.EndsWith('…'));
    }

    [Fact]
    public void Peer_is_served_within_the_range_of_numbers_and_not_outside()
    {
        Assert.All(Enumerable.Range(ProtocolVersion.Oldest, ProtocolVersion.Current - ProtocolVersion.Oldest + 1),
            version => Assert.True(ProtocolVersion.Serves(version)));
        Assert.False(ProtocolVersion.Serves(ProtocolVersion.Oldest - 1));
        Assert.False(ProtocolVersion.Serves(ProtocolVersion.Current + 1));
    }

    private static ReleaseManifest Variant(ReleaseManifest manifest, Func<Variant, Variant> change)
        => manifest with { Variants = [change(manifest.Variants[0])] };

    private static ReleaseManifest Variants(ReleaseManifest manifest, int count)
        => manifest with { Variants = [.. Enumerable.Range(0, count).Select(i => manifest.Variants[0] with { Id = $"variant-{i}" })] };

    private static ReleaseManifest Artifact(ReleaseManifest manifest, Func<ArtifactReference, ArtifactReference> change)
        => Variant(manifest, variant => variant with { Artifact = change(variant.Artifact) });
}
