using System.Security.Cryptography;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Trust;
using Fleet.TestKit;

namespace Fleet.Contracts.Tests.Trust;

/// <summary>Which roots a device does not follow.</summary>
public sealed class RootAttackTests : IDisposable
{
    private readonly SignedFleet _fleet = new();

    private static ECDsa Key { get; } = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    [Fact]
    public void Device_follows_every_root_one_by_one_though_all_but_the_last_have_expired()
    {
        var begun = _fleet.Root;
        for (var i = 0; i < 5; i++)
            _fleet.Rotate(releases: true, orders: true, root: [_fleet.NewKey()], expiresAt: _fleet.Root.IssuedAt.AddSeconds(1));
        var walk = RootChain.Walk(begun, _fleet.Roots);
        Assert.Equal((6, null), (walk.Root.Version, walk.Refused));
        Assert.Same(_fleet.Roots[^1], walk.Newest);
    }

    [Fact]
    public void Root_that_skips_a_version_is_refused()
    {
        var begun = _fleet.Root;
        _fleet.Rotate();
        Refused(RootFault.VersionSkipped, begun, _fleet.Rotate());
    }

    [Fact]
    public void Root_that_was_followed_before_is_passed_over_and_never_returned_to()
    {
        _fleet.Rotate(orders: true);
        var walk = RootChain.Walk(_fleet.Root, _fleet.Roots);
        Assert.Equal((2, null, null), (walk.Root.Version, walk.Newest, walk.Refused));
    }

    [Fact]
    public void Root_that_only_its_own_keys_signed_is_refused()
    {
        var own = _fleet.NewKey();
        var forged = Next(own);
        Refused(RootFault.ThresholdMissed, _fleet.Root, SignedFleet.Sign(forged, own));
    }

    [Fact]
    public void Root_that_only_the_keys_before_signed_is_refused()
        => Refused(RootFault.ThresholdMissed, _fleet.Root, SignedFleet.Sign(Next(_fleet.NewKey()), _fleet.RootKeys));

    [Fact]
    public void Root_signed_by_the_keys_of_releases_and_orders_is_refused()
    {
        var own = _fleet.NewKey();
        Refused(RootFault.ThresholdMissed, _fleet.Root, SignedFleet.Sign(Next(own), own, _fleet.ReleaseKey, _fleet.OrderKey));
    }

    [Fact]
    public void Two_of_three_keys_must_sign_and_one_that_signs_twice_is_one()
    {
        using var fleet = new SignedFleet(rootKeys: 3, threshold: 2);
        var next = fleet.Root with { Version = 2 };
        Refused(RootFault.ThresholdMissed, fleet.Root, SignedFleet.Sign(next, fleet.RootKeys[0]));
        var once = SignedFleet.Sign(next, fleet.RootKeys[0]);
        var twice = SignedFleet.Sign(next, fleet.RootKeys[0]);
        var doubled = once with { Signatures = [.. once.Signatures, .. twice.Signatures] };
        Refused(RootFault.ThresholdMissed, fleet.Root, doubled);
        Assert.True(RootChain.Follow(fleet.Root, SignedFleet.Sign(next, fleet.RootKeys[2], fleet.RootKeys[0])).Trusted);
    }

    [Fact]
    public void Root_of_another_fleet_is_refused()
        => Refused(RootFault.OtherFleet, _fleet.Root,
            SignedFleet.Sign(_fleet.Root with { Version = 2, Fleet = new string('0', 32) }, _fleet.RootKeys));

    [Fact]
    public void Root_that_lowers_the_epoch_of_orders_is_refused()
    {
        _fleet.Rotate(raiseEpoch: true);
        Refused(RootFault.EpochLowered, _fleet.Root, SignedFleet.Sign(_fleet.Root with { Version = 3, OrderEpoch = 1 }, _fleet.RootKeys));
    }

    [Fact]
    public void First_root_other_than_the_one_the_token_names_is_refused()
    {
        using var other = new SignedFleet();
        var digest = _fleet.Roots[0].Digest();
        Assert.True(RootChain.First(_fleet.Roots[0], digest).Trusted);
        Assert.Equal(RootFault.NotPinned, RootChain.First(other.Roots[0], digest).Fault);
        Assert.True(RootChain.First(other.Roots[0], null).Trusted);
    }

    [Fact]
    public void Device_from_before_roots_adopts_only_one_that_its_release_key_signed()
    {
        using var other = new SignedFleet();
        IReadOnlyList<ReleaseKey> known = [SignedFleet.PublicOf(_fleet.ReleaseKey)];
        Assert.True(RootChain.Adopt(_fleet.Roots[0], known).Trusted);
        Assert.Equal(RootFault.ThresholdMissed, RootChain.Adopt(other.Roots[0], known).Fault);
        // The key of releases that a device knew may begin a chain, not go round the root's own.
        Assert.Equal(RootFault.ThresholdMissed, RootChain.Adopt(SignedFleet.Sign(_fleet.Root, _fleet.ReleaseKey), known).Fault);
    }

    [Fact]
    public void Every_single_changed_byte_of_a_root_is_refused()
    {
        var begun = _fleet.Root;
        var next = _fleet.Rotate(orders: true);
        for (var i = 0; i < next.Payload.Length; i++)
        {
            var changed = (byte[])next.Payload.Clone();
            changed[i] ^= 1;
            Assert.False(RootChain.Follow(begun, next with { Payload = changed }).Trusted);
        }
    }

    [Fact]
    public void Root_with_more_signatures_than_are_looked_at_is_signed_by_nobody()
    {
        var next = _fleet.Root with { Version = 2 };
        var signed = SignedFleet.Sign(next, _fleet.RootKeys);
        DsseSignature[] many = [.. Enumerable.Repeat(new DsseSignature("x", [0]), Limits.SignaturesPerEnvelope), .. signed.Signatures];
        Refused(RootFault.ThresholdMissed, _fleet.Root, signed with { Signatures = many });
        Assert.True(RootChain.Follow(_fleet.Root, signed with { Signatures = many[1..] }).Trusted);
    }

    public static TheoryData<string, Func<TrustRoot, TrustRoot>> Broken => new()
    {
        { "lower-case hexadecimal", root => root with { Fleet = "fleet" } },
        { "at least 1", root => root with { Version = 0 } },
        { "epoch", root => root with { OrderEpoch = 0 } },
        { "expires before", root => root with { ExpiresAt = root.IssuedAt } },
        { "1 to 16 keys", root => root with { Keys = [] } },
        { "1 to 16 keys", root => root with { Keys = [.. Enumerable.Repeat(root.Keys[0], 17)] } },
        { "stands twice", root => root with { Keys = [.. root.Keys, root.Keys[0]] } },
        { "the id of another key", root => root with { Keys = [root.Keys[0] with { Id = root.Keys[1].Id }, .. root.Keys.Skip(1)] } },
        { "not an ECDSA P-256", root => root with { Keys = [root.Keys[0] with { PublicKey = [1] }, .. root.Keys.Skip(1)] } },
        { "which the root does not hold", root => With(root, new TrustRole(["nobody"], 1)) },
        { "names no key", root => With(root, new TrustRole([], 1)) },
        { "names no key, or one twice", root => With(root, new TrustRole([.. root.Roles.Orders.Keys, .. root.Roles.Orders.Keys], 1)) },
        { "must be within 1..1", root => With(root, root.Roles.Orders with { Threshold = 0 }) },
        { "must be within 1..1", root => With(root, root.Roles.Orders with { Threshold = 2 }) },
        { "has two roles", root => With(root, root.Roles.Releases) },
        { "has two roles", root => With(root, root.Roles.Root) },
    };

    [Theory]
    [MemberData(nameof(Broken))]
    public void Root_that_breaks_a_rule_of_its_own_is_refused(string sentence, Func<TrustRoot, TrustRoot> change)
    {
        var envelope = SignedFleet.Sign(change(_fleet.Root), _fleet.RootKeys);
        Assert.Equal(RootFault.Malformed, RootChain.First(envelope, null).Fault);
        Assert.Contains(RootRules.ProblemsOf(change(_fleet.Root)), problem => problem.Contains(sentence, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("nistP384")]
    [InlineData("brainpoolP256r1")]
    public void Key_of_another_curve_is_not_taken_into_a_root(string curve)
    {
        using var key = ECDsa.Create(ECCurve.CreateFromFriendlyName(curve));
        Assert.Contains("not an ECDSA P-256", RootRules.ProblemOf(SignedFleet.PublicOf(key)), StringComparison.Ordinal);
        Assert.Null(RootRules.ProblemOf(SignedFleet.PublicOf(Key)));
    }

    public void Dispose() => _fleet.Dispose();

    private static TrustRoot With(TrustRoot root, TrustRole orders) => root with { Roles = root.Roles with { Orders = orders } };

    private static void Refused(RootFault fault, TrustRoot current, DsseEnvelope next)
    {
        var verdict = RootChain.Follow(current, next);
        Assert.Equal((fault, false), (verdict.Fault, verdict.Trusted));
        Assert.EndsWith(".", verdict.Reason, StringComparison.Ordinal);
    }

    private TrustRoot Next(ECDsa rootKey)
    {
        var key = SignedFleet.PublicOf(rootKey);
        return _fleet.Root with
        {
            Version = 2,
            Keys = [.. _fleet.Root.Keys, key],
            Roles = _fleet.Root.Roles with { Root = new TrustRole([key.Id], 1) },
        };
    }
}
