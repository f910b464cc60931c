using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Trust;

namespace Fleet.Server.Keys;

/// <summary>
/// The keys of the fleet and the roots that name them. Made at the first start without a ceremony; the root's own key can leave the
/// server when somebody is ready.
/// </summary>
internal sealed class FleetKeys : IDisposable
{
    private readonly Held _held;

    private FleetKeys(Held held) => _held = held;


    /// <summary>The root that counts.</summary>
    public TrustRoot Root => _held.Root;

    /// <summary>Every root, in order.</summary>
    public IReadOnlyList<DsseEnvelope> Roots => _held.Roots;

    /// <summary>Opens the keys of a folder, and makes what was never there.</summary>
    /// <exception cref="InvalidDataException">Something was lost or is broken; the sentence says how to go on.</exception>
    public static FleetKeys OpenOrCreate(string folder, TimeProvider time)
    {
        var keys = new KeyFolder(folder);
        return new FleetKeys(Load(keys, keys.ReadRoots() ?? Create(keys, time)));
    }

    /// <summary>Roots for a device that trusts that version, as many as one message holds; the newest ones when it is not known.</summary>
    public IReadOnlyList<DsseEnvelope> RootsAfter(int? version)
        => [.. _held.Roots.Skip(version ?? Math.Max(0, _held.Roots.Count - Limits.RootsPerMessage)).Take(Limits.RootsPerMessage)];

    /// <summary>
    /// Roots for a device that joins: from the one its token names; the newest alone when it names none. Null when none is named so.
    /// </summary>
    public IReadOnlyList<DsseEnvelope>? RootsFrom(string? digest)
    {
        var roots = _held.Roots;
        if (digest is null) return [roots[^1]];
        for (var i = 0; i < roots.Count; i++)
            if (roots[i].Digest() == digest) return RootsAfter(i);
        return null;
    }

    /// <summary>Signs the statement about a release.</summary>
    public DsseEnvelope SignRelease(byte[] statement) => _held.Release.Sign(DsseEnvelope.InToto, statement);

    /// <summary>Signs an order.</summary>
    public DsseEnvelope SignOrder(DeviceOrder order)
        => _held.Orders.Sign(DeviceOrder.PayloadType, JsonSerializer.SerializeToUtf8Bytes(order, FleetJson.Default.DeviceOrder));

    /// <inheritdoc/>
    public void Dispose() => _held.Dispose();

    /// <summary>
    /// The first root. A release key that devices of an earlier version trust signs it as well: that is how they come to trust it.
    /// </summary>
    private static IReadOnlyList<DsseEnvelope> Create(KeyFolder folder, TimeProvider time)
    {
        using var release = SigningKey.OpenOrCreate(folder.ReleaseKey);
        using var root = KeyFolder.Prepare(folder.RootKey);
        using var orders = KeyFolder.Prepare(folder.OrderKey);
        var first = RootDraft.Unsigned(RootDraft.First(root.Public, release.Public, orders.Public, time.GetUtcNow()));
        IReadOnlyList<DsseEnvelope> roots = [root.Sign(release.Sign(first))];
        folder.WriteRoots(roots);
        return roots;
    }

    private static Held Load(KeyFolder folder, IReadOnlyList<DsseEnvelope> roots)
    {
        var root = RootChain.Peek(roots[^1], out var problem) ?? throw new InvalidDataException(problem);
        KeyFolder.Settle(folder.RootKey, root.Roles.Root);
        KeyFolder.Settle(folder.ReleaseKey, root.Roles.Releases);
        KeyFolder.Settle(folder.OrderKey, root.Roles.Orders);
        return new Held(
            roots, root, KeyFolder.Open(folder.ReleaseKey, root.Roles.Releases) ?? throw Lost(folder.ReleaseKey),
            KeyFolder.Open(folder.OrderKey, root.Roles.Orders) ?? throw Lost(folder.OrderKey));
    }

    private static InvalidDataException Lost(string file) => new($"{file} is missing, or is not the key that the newest root names. "
        + "Devices trust the one that was there: restore it from a backup.");

    private sealed record Held(IReadOnlyList<DsseEnvelope> Roots, TrustRoot Root, SigningKey Release, SigningKey Orders) : IDisposable
    {
        public void Dispose()
        {
            Release.Dispose();
            Orders.Dispose();
        }
    }
}
