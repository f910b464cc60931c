using System.Security.Cryptography;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Releases;
using Fleet.Contracts.State;
using Fleet.Contracts.Trust;
using Fleet.TestKit;

namespace Fleet.Contracts.Tests.Trust;

/// <summary>What somebody may try who speaks to a device with the server's certificate, but has no key of orders.</summary>
public sealed class OrderAttackTests : IDisposable
{
    private readonly SignedFleet _fleet = new(new StillClock());

    private static Assignment Speech { get; } = new()
    {
        Model = "speech",
        Version = 2,
        Release = new DsseEnvelope { PayloadType = DsseEnvelope.InToto, Payload = [1, 2, 3], Signatures = [] },
    };

    [Fact]
    public void True_order_is_accepted()
    {
        var verdict = Verify(_fleet.Desired("dev-1", 7, Speech));
        Assert.True(verdict.Accepted, verdict.Reason);
        Assert.Equal(new OrderPlace(1, 7), verdict.Order!.Place());
    }

    [Fact]
    public void Unsigned_state_is_refused()
        => Refused(OrderFault.Missing, _fleet.Desired("dev-1", 7, Speech) with { Order = null });

    [Fact]
    public void Order_signed_by_an_unknown_key_is_refused()
        => Refused(OrderFault.KeyNotTrusted, Signed(_fleet.Order("dev-1", 7, Speech), _fleet.NewKey()));

    [Fact]
    public void Order_signed_by_the_key_of_releases_is_refused()
        => Refused(OrderFault.KeyNotTrusted, Signed(_fleet.Order("dev-1", 7, Speech), _fleet.ReleaseKey));

    [Fact]
    public void Order_signed_by_the_key_of_the_root_is_refused()
        => Refused(OrderFault.KeyNotTrusted, Signed(_fleet.Order("dev-1", 7, Speech), _fleet.RootKeys[0]));

    [Fact]
    public void Every_single_changed_byte_of_an_order_is_refused()
    {
        var state = _fleet.Desired("dev-1", 7, Speech);
        for (var i = 0; i < state.Order!.Payload.Length; i++)
        {
            var changed = (byte[])state.Order.Payload.Clone();
            changed[i] ^= 1;
            Refused(OrderFault.SignatureInvalid, state with { Order = state.Order with { Payload = changed } });
        }
    }

    [Fact]
    public void Order_that_withdraws_more_than_may_be_is_refused()
    {
        var withdrawn = Enumerable.Range(1, Limits.WithdrawnPerOrder + 1).Select(i => new WithdrawnRelease("speech", i, $"{i:x64}"));
        var order = _fleet.Order("dev-1", 7, Speech);
        Refused(OrderFault.Malformed, Signed(order with { Withdrawn = [.. withdrawn] }));
        Assert.True(Verify(Signed(order with { Withdrawn = [.. withdrawn.SkipLast(1)] })).Accepted);
    }

    [Fact]
    public void Order_that_has_more_timed_than_may_be_or_what_is_no_file_is_refused()
    {
        var artifact = new ArtifactReference("a", new string('a', 64), Limits.TimedFileBytes);
        var timing = new OrderedTiming("build", new TimedFile(artifact, artifact, new RuntimeSettings()), DateTimeOffset.MaxValue);
        OrderVerdict Of(params IEnumerable<OrderedTiming> timings)
            => Verify(Signed(_fleet.Order("dev-1", 7, Speech) with { Timings = [.. timings] }));
        Assert.True(Of(Enumerable.Repeat(timing, Limits.TimingsPerOrder)).Accepted);
        Assert.Equal(OrderFault.Malformed, Of(Enumerable.Repeat(timing, Limits.TimingsPerOrder + 1)).Fault);
        foreach (var wrong in (ArtifactReference[])[
            artifact with { Bytes = Limits.TimedFileBytes + 1 }, artifact with { Bytes = 0 }, artifact with { Sha256 = "../identity.json" },
        ])
        {
            Assert.Equal(OrderFault.Malformed, Of(timing with { Timed = timing.Timed with { Model = wrong } }).Fault);
            Assert.Equal(OrderFault.Malformed, Of(timing with { Timed = timing.Timed with { Samples = wrong } }).Fault);
        }
        // What it is run with is held to what profiles are.
        foreach (var wrong in (RuntimeSettings[])[
            new() { IntraOpThreads = 257 }, new() { IntraOpThreads = -1 }, new() { ExecutionProviders = [] },
            new() { ExecutionProviders = ["../provider.so"] },
            new() { SessionEntries = new Dictionary<string, string> { ["session entry"] = "1" } },
        ])
        {
            var verdict = Of(timing with { Timed = timing.Timed with { Runtime = wrong } });
            Assert.True(verdict.Fault == OrderFault.Malformed && verdict.Reason.Contains(": runtime.", StringComparison.Ordinal),
                verdict.Reason);
        }
    }

    [Fact]
    public void Order_to_another_device_is_refused() => Refused(OrderFault.OtherDevice, Signed(_fleet.Order("dev-2", 7, Speech)));

    [Fact]
    public void Order_of_another_fleet_is_refused()
        => Refused(OrderFault.OtherFleet, Signed(_fleet.Order("dev-1", 7, Speech) with { Fleet = new string('0', 32) }));

    [Fact]
    public void Older_order_is_refused() => Refused(OrderFault.RevisionOutdated, _fleet.Desired("dev-1", 4, Speech), accepted: new(1, 5));

    [Fact]
    public void Order_that_was_accepted_may_come_again()
        => Assert.True(Verify(_fleet.Desired("dev-1", 5, Speech), accepted: new(1, 5)).Accepted);

    [Theory]
    [InlineData(5 + OrderVerifier.MaximumJump, true)]
    [InlineData(5 + OrderVerifier.MaximumJump + 1, false)]
    [InlineData(OrderVerifier.MaximumRevision, false)]
    public void Revision_that_jumps_is_refused(long revision, bool accepted)
    {
        var verdict = Verify(_fleet.Desired("dev-1", revision, Speech), accepted: new(1, 5));
        Assert.Equal(accepted ? OrderFault.None : OrderFault.RevisionJump, verdict.Fault);
    }

    [Theory]
    [InlineData(OrderVerifier.MaximumRevision + 1)]
    [InlineData(long.MaxValue)]
    [InlineData(-1)]
    [InlineData(long.MinValue)]
    public void Revision_beyond_reason_is_refused_by_a_device_that_knows_none(long revision)
        => Refused(OrderFault.RevisionJump, _fleet.Desired("dev-1", revision, Speech));

    /// <summary>T2: before orders were signed, one message with revision 2^63 - 1 locked the true server out for good.</summary>
    [Fact]
    public void Huge_revision_from_before_orders_does_not_lock_the_true_server_out()
        => Assert.True(Verify(_fleet.Desired("dev-1", 3, Speech), accepted: new(0, long.MaxValue)).Accepted);

    [Fact]
    public void Huge_revision_of_a_stolen_key_is_behind_once_a_root_has_raised_the_epoch()
    {
        _fleet.Rotate(orders: true, raiseEpoch: true);
        Assert.True(Verify(_fleet.Desired("dev-1", 3, Speech), accepted: new(1, OrderVerifier.MaximumRevision)).Accepted);
    }

    [Fact]
    public void Order_of_an_ended_epoch_is_refused()
    {
        var before = _fleet.Order("dev-1", 7, Speech);
        _fleet.Rotate(raiseEpoch: true);
        Refused(OrderFault.EpochOutdated, Signed(before));
    }

    [Fact]
    public void Order_of_an_epoch_that_no_root_began_is_refused()
        => Refused(OrderFault.EpochUnknown, Signed(_fleet.Order("dev-1", 7, Speech) with { Epoch = 2 }));

    [Fact]
    public void Order_that_was_held_back_until_it_expired_is_refused()
        => Refused(OrderFault.Expired, _fleet.Desired("dev-1", 7, Speech), now: Samples.Now.AddDays(91));

    [Fact]
    public void Order_with_other_releases_than_it_names_is_refused()
    {
        var state = _fleet.Desired("dev-1", 7, Speech);
        Refused(OrderFault.ReleasesDiffer, state with { Assignments = [] });
        Refused(OrderFault.ReleasesDiffer, state with { Assignments = [Speech with { Rollback = true }] });
        Refused(OrderFault.ReleasesDiffer, state with { Assignments = [Speech, Speech with { Model = "vision" }] });
        Refused(OrderFault.ReleasesDiffer, state with { Assignments = [Speech with { Release = Speech.Release with { Payload = [4] } }] });
    }

    [Fact]
    public void Releases_that_are_held_together_otherwise_than_the_order_says_are_refused()
    {
        Assignment[] both = [Speech with { Group = "both" }, Speech with { Model = "vision", Group = "both" }];
        var state = _fleet.Desired("dev-1", 7, both);
        Assert.True(Verify(state).Accepted);
        Refused(OrderFault.ReleasesDiffer, state with { Assignments = [both[0] with { Group = null }, both[1]] });
        Refused(OrderFault.ReleasesDiffer, state with { Assignments = [both[0] with { Group = "other" }, both[1]] });
        Refused(OrderFault.ReleasesDiffer, state with { Assignments = [.. both.Select(one => one with { Group = null })] });
        Refused(OrderFault.ReleasesDiffer, state with { Assignments = [both[0]] });
        var alone = _fleet.Desired("dev-1", 7, [.. both.Select(one => one with { Group = null })]);
        Refused(OrderFault.ReleasesDiffer, alone with { Assignments = both });
    }

    [Fact]
    public void Order_beside_a_state_of_another_revision_is_refused()
        => Refused(OrderFault.Malformed, _fleet.Desired("dev-1", 7, Speech) with { Revision = 8 });

    [Fact]
    public void Expired_root_takes_nothing_new_and_lets_go_of_what_is_withdrawn()
    {
        var late = _fleet.Root.ExpiresAt;
        var order = _fleet.Order("dev-1", 7, Speech) with { ExpiresAt = late.AddDays(1) };
        Refused(OrderFault.RootExpired, Signed(order), now: late);
        Assert.True(Verify(Signed(order), now: late, known: Speech.Release.Digest()).Accepted);
        Assert.True(Verify(Signed(order with { Assignments = [] }) with { Assignments = [] }, now: late).Accepted);
    }

    [Fact]
    public void Payload_of_another_type_or_size_is_not_an_order()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        Assert.Null(OrderVerifier.Read(DsseEnvelope.Sign(DsseEnvelope.InToto, "{}"u8.ToArray(), key)));
        Assert.Null(OrderVerifier.Read(DsseEnvelope.Sign(DeviceOrder.PayloadType, new byte[Limits.OrderBytes + 1], key)));
        Refused(OrderFault.Malformed, _fleet.Desired("dev-1", 7, Speech) with
        {
            Order = DsseEnvelope.Sign(DeviceOrder.PayloadType, "{}"u8.ToArray(), _fleet.OrderKey),
        });
    }

    public void Dispose() => _fleet.Dispose();

    private DesiredState Signed(DeviceOrder order, ECDsa? key = null)
        => new() { Revision = order.Revision, Assignments = [Speech], Order = _fleet.Sign(order, key) };

    private OrderVerdict Verify(DesiredState state, OrderPlace accepted = default, DateTimeOffset? now = null, string? known = null)
        => OrderVerifier.Verify(state.Order, state.Revision, state.Ordered(), new OrderGround
        {
            Root = _fleet.Root,
            Device = DeviceId.Parse("dev-1"),
            Accepted = accepted,
            Known = known is null ? new HashSet<string>() : new HashSet<string> { known },
            Now = now ?? Samples.Now,
        });

    private void Refused(OrderFault fault, DesiredState state, OrderPlace accepted = default, DateTimeOffset? now = null)
    {
        var verdict = Verify(state, accepted, now);
        Assert.Equal(fault, verdict.Fault);
        Assert.False(verdict.Accepted);
        Assert.EndsWith(".", verdict.Reason, StringComparison.Ordinal);
    }

    private sealed class StillClock : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => Samples.Now;
    }
}
