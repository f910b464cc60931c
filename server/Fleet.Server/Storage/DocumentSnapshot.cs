using System.Collections.Immutable;

namespace Fleet.Server.Storage;

/// <summary>
/// All documents as one commit left them. Immutable: a reader keeps the snapshot it began with, takes no lock and never meets
/// half a commit.
/// </summary>
internal sealed class DocumentSnapshot
{
    /// <summary>No documents.</summary>
    public static readonly DocumentSnapshot Empty = new(ImmutableDictionary<Type, ImmutableSortedSet<Entry>>.Empty);

    private static readonly ImmutableSortedSet<Entry> None = ImmutableSortedSet.Create<Entry>(new ById());

    private readonly ImmutableDictionary<Type, ImmutableSortedSet<Entry>> _types;

    private DocumentSnapshot(ImmutableDictionary<Type, ImmutableSortedSet<Entry>> types) => _types = types;

    /// <summary>All of these.</summary>
    public static DocumentSnapshot Of(IEnumerable<(Type Type, Entry Entry)> documents) => new(documents.GroupBy(document => document.Type)
        .ToImmutableDictionary(type => type.Key,
            type => ImmutableSortedSet.CreateRange(new ById(), type.Select(document => document.Entry))));

    /// <summary>The document, or null.</summary>
    public Entry? Find(Type type, string id) => Of(type).TryGetValue(Entry.Probe(id), out var entry) ? entry : null;

    /// <summary>
    /// Documents whose id starts with <paramref name="prefix"/> and sorts after <paramref name="after"/>, in ordinal order.
    /// </summary>
    public IEnumerable<Entry> List(Type type, string prefix, string? after)
    {
        var entries = Of(type);
        var start = after is not null && string.CompareOrdinal(after, prefix) >= 0 ? after : prefix;
        var index = entries.IndexOf(Entry.Probe(start));
        if (index < 0) index = ~index;
        else if (start == after) index++;
        for (; index < entries.Count && entries[index].Id.StartsWith(prefix, StringComparison.Ordinal); index++)
            yield return entries[index];
    }

    /// <summary>
    /// Documents whose id starts with <paramref name="prefix"/> and sorts before <paramref name="before"/>, from the last backwards.
    /// </summary>
    public IEnumerable<Entry> ListNewest(Type type, string prefix, string? before)
    {
        var entries = Of(type);
        var index = entries.IndexOf(Entry.Probe(before ?? prefix + char.MaxValue));
        if (index < 0) index = ~index;
        for (index--; index >= 0 && string.CompareOrdinal(entries[index].Id, prefix) >= 0; index--)
        {
            if (entries[index].Id.StartsWith(prefix, StringComparison.Ordinal)) yield return entries[index];
        }
    }

    /// <summary>The snapshot with that document put in place of the one before; null removes.</summary>
    public DocumentSnapshot With(Type type, string id, long version, object? document)
    {
        var without = Of(type).Remove(Entry.Probe(id));
        return new(_types.SetItem(type, document is null ? without : without.Add(new Entry(id, version, document))));
    }

    private ImmutableSortedSet<Entry> Of(Type type) => _types.GetValueOrDefault(type, None);

    /// <summary>One document.</summary>
    internal sealed record Entry(string Id, long Version, object Document)
    {
        private static readonly object Nothing = new();

        /// <summary>Something to search by.</summary>
        public static Entry Probe(string id) => new(id, 0, Nothing);
    }

    private sealed class ById : IComparer<Entry>
    {
        public int Compare(Entry? x, Entry? y) => string.CompareOrdinal(x?.Id, y?.Id);
    }
}
