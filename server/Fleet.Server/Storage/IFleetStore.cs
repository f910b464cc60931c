using Fleet.Contracts.Devices;
using Fleet.Contracts.Telemetry;

namespace Fleet.Server.Storage;

/// <summary>
/// The seam behind which documents and telemetry are kept. A document is an immutable record found by its type and id; every
/// document carries a version that grows by one with each commit. What is large (a model, a report page) belongs among the
/// artifacts on disk, by digest: documents are kept in memory as well.
/// </summary>
internal interface IFleetStore
{
    /// <summary>
    /// Most documents of one page; <see cref="StoreExtensions.AllAsync{T}(IFleetStore, string, CancellationToken)"/> reads page after page.
    /// </summary>
    const int MaximumPage = 1000;

    /// <summary>How long rollups of a minute are kept; those of an hour are kept as long as telemetry is.</summary>
    static readonly TimeSpan MinutesKept = TimeSpan.FromHours(25);

    /// <summary>Most bytes of one document as JSON.</summary>
    const int MaximumDocumentBytes = 12 * 1024 * 1024;

    /// <summary>The document of that id, or null.</summary>
    Task<Stored<T>?> FindAsync<T>(string id, CancellationToken cancellationToken) where T : class;

    /// <summary>
    /// Documents whose id starts with <paramref name="prefix"/> and sorts after <paramref name="after"/>, in ordinal order of id (keyset
    /// paging).
    /// </summary>
    /// <param name="prefix">Start of the ids.</param>
    /// <param name="after">The last id of the page before; null for the first page.</param>
    /// <param name="limit">Most documents of the page, within 1..<see cref="MaximumPage"/>.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    Task<IReadOnlyList<Stored<T>>> ListAsync<T>(string prefix, string? after, int limit, CancellationToken cancellationToken)
        where T : class;

    /// <summary>
    /// The documents whose id starts with <paramref name="prefix"/>, from the last id backwards: of ids that sort by time, the newest.
    /// </summary>
    /// <param name="prefix">Start of the ids.</param>
    /// <param name="before">The last id of the page before; null for the first page.</param>
    /// <param name="limit">Most documents of the page, within 1..<see cref="MaximumPage"/>.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    Task<IReadOnlyList<Stored<T>>> ListNewestAsync<T>(string prefix, string? before, int limit, CancellationToken cancellationToken)
        where T : class;

    /// <summary>
    /// Applies all changes or none, and returns when they are on disk. Change sets of several rooms go into one call: a wave, its
    /// device rollouts and their desired states are one commit.
    /// </summary>
    /// <exception cref="VersionConflictException">A document is not at the version a change expects; read again and decide
    /// again.</exception>
    Task CommitAsync(IReadOnlyList<StoreChange> changes, CancellationToken cancellationToken);

    /// <summary>
    /// Stores a telemetry message in the form it came; a batch whose sequence is already stored for the device changes nothing. Returns
    /// when all of it is on disk.
    /// </summary>
    /// <returns>How many of its batches were not there yet.</returns>
    Task<int> AppendSamplesAsync(DeviceId device, TelemetryMessage message, CancellationToken cancellationToken);

    /// <summary>
    /// Bytes of the messages with anything new that arrived from a device on a day, by the server's clock and in UTC: of today or the last
    /// day that it sent any.
    /// </summary>
    /// <param name="device">The device.</param>
    /// <param name="identity">Which enrollment of it; of those before nothing counts. Null for any.</param>
    /// <param name="day">The day.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    Task<long> SampleBytesAsync(DeviceId device, string? identity, DateOnly day, CancellationToken cancellationToken);

    /// <summary>
    /// Every batch that arrived after <paramref name="since"/>, as it was sent, in the order of arrival. For export: it reads what the
    /// whole fleet has sent since.
    /// </summary>
    IAsyncEnumerable<Sample> SamplesAsync(DateTimeOffset since, CancellationToken cancellationToken);

    /// <summary>
    /// What devices did, one rollup for each model and period, in order of time. Includes what was acknowledged just now.
    /// </summary>
    /// <param name="devices">Which; at most <see cref="MaximumPage"/>.</param>
    /// <param name="query">What of them. Of a device that did nothing of it, nothing is read.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    Task<IReadOnlyDictionary<DeviceId, IReadOnlyList<Rollup>>> RollupsAsync(
        IReadOnlyCollection<DeviceId> devices, RollupQuery query, CancellationToken cancellationToken);

    /// <summary>What all devices together did, one rollup for each model and period, in order of time.</summary>
    /// <inheritdoc cref="RollupsAsync"/>
    Task<IReadOnlyList<Rollup>> FleetRollupsAsync(RollupQuery query, CancellationToken cancellationToken);

    /// <summary>
    /// Forgets batches that arrived before <paramref name="before"/>, and rollups that ended before it or before they are kept.
    /// </summary>
    /// <returns>How many blocks of batches were dropped.</returns>
    Task<int> DropSamplesAsync(DateTimeOffset before, CancellationToken cancellationToken);

    /// <summary>
    /// What keeps the store from writing now, in a sentence; null when nothing does. It tries, so that a recovery is seen without other
    /// traffic.
    /// </summary>
    Task<string?> ProblemAsync(CancellationToken cancellationToken);
}

/// <summary>Telemetry as a device sent it.</summary>
/// <param name="Bytes">The message, which <see cref="TelemetryPack.Decode"/> reads.</param>
/// <param name="Batches">What it says.</param>
/// <param name="Identity">
/// Which enrollment of the device sent it: with another one its sequences begin anew. Null where that is not known.
/// </param>
internal sealed record TelemetryMessage(ReadOnlyMemory<byte> Bytes, IReadOnlyList<TelemetryBatch> Batches, string? Identity = null);

/// <summary>A batch as it arrived.</summary>
/// <param name="Device">Who sent it.</param>
/// <param name="ArrivedAt">When, by the server's clock; batches that arrived together share the moment.</param>
/// <param name="Batch">What was sent.</param>
internal sealed record Sample(DeviceId Device, DateTimeOffset ArrivedAt, TelemetryBatch Batch);

/// <summary>A document as it was read.</summary>
internal sealed record Stored<T>(string Id, long Version, T Document) where T : class
{
    /// <summary>The change that replaces it, if nobody did in between.</summary>
    public StoreChange Change(T document) => StoreChange.Put(Id, document, Version);

    /// <summary>The change that removes it, if nobody changed it in between.</summary>
    public StoreChange Removal() => StoreChange.Remove<T>(Id, Version);
}

/// <summary>One change of a commit.</summary>
/// <param name="Type">Type of the document.</param>
/// <param name="Id">Its id.</param>
/// <param name="Document">What it becomes; null removes it.</param>
/// <param name="ExpectedVersion">The version it must be at; 0 when it must not exist.</param>
internal sealed record StoreChange(Type Type, string Id, object? Document, long ExpectedVersion)
{
    /// <summary>A document that must not exist yet.</summary>
    public static StoreChange Create<T>(string id, T document) where T : class => new(typeof(T), id, document, 0);

    /// <summary>A document that must be at <paramref name="expectedVersion"/>.</summary>
    public static StoreChange Put<T>(string id, T document, long expectedVersion)
        where T : class => new(typeof(T), id, document, expectedVersion);

    /// <summary>Removes a document that must be at <paramref name="expectedVersion"/>.</summary>
    public static StoreChange Remove<T>(string id, long expectedVersion) where T : class => new(typeof(T), id, null, expectedVersion);
}
