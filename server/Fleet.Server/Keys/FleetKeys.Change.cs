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
        lock (_lock)
        {
            var held = _held;
            using var releases = change.Releases ? KeyFolder.Prepare(_folder.ReleaseKey) : null;
            using var orders = change.Orders ? KeyFolder.Prepare(_folder.OrderKey) : null;
            using var root = change.Root ? KeyFolder.Prepare(_folder.RootKey) : null;
            var next = RootDraft.Next(
                held.Root, change, releases?.Public, orders?.Public, root is null ? change.RootKeys : [root.Public], now);
            if (RootRules.ProblemsOf(next) is { Count: > 0 } problems) return Refusal.Invalid("The root would not be valid.", problems);
            var envelope = RootDraft.Unsigned(next);
            if (held.RootKey is { } before) envelope = before.Sign(envelope);
            return root?.Sign(envelope) ?? envelope;
        }
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
            if (WhoseKeyIsMissing(next) is { } role)
                return Refusal.Conflict(
                    "The root is not applied.", $"It names a key for {role} that this server does not have: prepare it on this server.");
            IReadOnlyList<DsseEnvelope> roots = [.. held.Roots, envelope];
            _folder.WriteRoots(roots);
            _held = Load(_folder, roots);
            return null;
        }
    }

    /// <summary>What operators see.</summary>
    public KeysView View(SigningClock clock) => new(Root, Roots[^1].Digest(), OnServer, clock.Now(), clock.Anchor);

    /// <summary>The role whose key in <paramref name="next"/> is neither in use here nor waiting.</summary>
    private string? WhoseKeyIsMissing(TrustRoot next)
    {
        if (!KeyFolder.Has(_folder.ReleaseKey, next.Roles.Releases) && Changes(Root.Roles.Releases, next.Roles.Releases)) return "releases";
        return !KeyFolder.Has(_folder.OrderKey, next.Roles.Orders) && Changes(Root.Roles.Orders, next.Roles.Orders) ? "orders" : null;
    }

    private static bool Changes(TrustRole before, TrustRole after) => !before.Keys.SequenceEqual(after.Keys);
}
