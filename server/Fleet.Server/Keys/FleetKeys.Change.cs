using Fleet.Contracts.Http;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Trust;
using Fleet.Server.Http;

namespace Fleet.Server.Keys;

/// <summary>The part that replaces keys: the next root is prepared, signed by whoever must, and applied.</summary>
internal sealed partial class FleetKeys
{
    /// <summary>
    /// The next root, signed as far as keys on this server can. New keys of the server wait beside the old ones until it is applied, and
    /// are the same when it is prepared again.
    /// </summary>
    public Answer<DsseEnvelope> Prepare(RootChange change, DateTimeOffset now)
    {
        if (change is { Root: true, RootKeys: not null })
            return Refusal.Invalid("A new root key is made on the server, or root keys of elsewhere are named; not both.");
        try
        {
            lock (_lock) return Draft(change, now);
        }
        catch (KeyUnavailableException e)
        {
            return Refusal.Conflict("The next root is not prepared.", e.Message);
        }
    }

    private Answer<DsseEnvelope> Draft(RootChange change, DateTimeOffset now)
    {
        var held = _held;
        var named = NamedIn(held.Roots);
        using var releases = change.Releases ? _places.Releases.Prepare(named) : null;
        using var orders = change.Orders ? _places.Orders.Prepare(named) : null;
        using var root = change.Root ? _places.Root.Prepare(named) : null;
        var next = RootDraft.Next(
            held.Root, change, releases?.Public, orders?.Public, root is null ? change.RootKeys : [root.Public], now);
        if (RootRules.ProblemsOf(next) is { Count: > 0 } problems) return Refusal.Invalid("The root would not be valid.", problems);
        var envelope = RootDraft.Unsigned(next);
        if (held.RootKey is { } before) envelope = before.Sign(envelope);
        return root?.Sign(envelope) ?? envelope;
    }

    /// <summary>Makes a signed root count. Devices are told by whoever calls.</summary>
    /// <returns>Why it does not count; null when it does.</returns>
    public ApiProblem? Apply(DsseEnvelope envelope)
    {
        lock (_lock)
        {
            var held = _held;
            // Asked again, with what was applied: nothing to do.
            if (held.Roots[^1].Digest() == envelope.Digest()) return null;
            var verdict = RootChain.Follow(held.Root, envelope);
            if (verdict.Root is not { } next) return Refusal.Conflict("The root is not applied.", verdict.Reason);
            if (WhyAKeyIsMissing(next) is { } problem) return Refusal.Conflict("The root is not applied.", problem);
            IReadOnlyList<DsseEnvelope> roots = [.. held.Roots, envelope];
            _places.Folder.WriteRoots(roots);
            _held = Load(_places, roots);
            return null;
        }
    }

    /// <summary>What operators see.</summary>
    public KeysView View(SigningClock clock) => new(
        Root, Roots[^1].Digest(), OnServer, clock.Now(), clock.Anchor)
    {
        InModule = [.. _held.Present().Where(key => key.IsInModule).Select(key => key.Public.Id)],
        Problems = Problems(),
    };

    /// <summary>Why a key that <paramref name="next"/> names is neither in use here nor waiting; null when all are.</summary>
    private string? WhyAKeyIsMissing(TrustRoot next)
    {
        try
        {
            string? role = null;
            if (Changes(Root.Roles.Releases, next.Roles.Releases) && !_places.Releases.Has(next.Roles.Releases)) role = "releases";
            else if (Changes(Root.Roles.Orders, next.Roles.Orders) && !_places.Orders.Has(next.Roles.Orders)) role = "orders";
            return role is null ? null : $"It names a key for {role} that this server does not have: prepare it on this server.";
        }
        catch (KeyUnavailableException e)
        {
            return e.Message;
        }
    }

    private static bool Changes(TrustRole before, TrustRole after) => !before.Keys.SequenceEqual(after.Keys);
}
