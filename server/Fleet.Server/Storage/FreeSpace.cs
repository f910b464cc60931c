using System.Globalization;
using Fleet.Platform;

namespace Fleet.Server.Storage;

/// <summary>What a call writes.</summary>
internal enum Writes
{
    /// <summary>Nothing that grows: reads, and what makes space.</summary>
    Nothing,

    /// <summary>Documents: few bytes, and among them the orders that a person gives to get out of trouble.</summary>
    Documents,

    /// <summary>What comes in masses and can wait where it is: telemetry, uploads.</summary>
    Masses,
}

/// <summary>
/// Space on the disk of the data folder, and the reserve that is kept: a disk that is really full takes the last log line and the
/// last revocation with it. Masses stop at the reserve, documents at half of it.
/// </summary>
/// <param name="folder">A folder on that disk.</param>
/// <param name="reserve">Bytes that stay free.</param>
internal sealed class FreeSpace(string folder, long reserve)
{
    /// <summary>
    /// True while the database holds so many free pages that nothing stored in it makes it longer: what was dropped makes room there, and
    /// never on the disk.
    /// </summary>
    public bool HasRoomInside { get; set; }

    /// <summary>Bytes free now.</summary>
    public long Available => DiskSpace.FreeBytes(folder);

    /// <summary>What is not stored now for want of space, in a sentence; null when everything is.</summary>
    public string? Problem => Available is var available && available < reserve / 2 ? Sentence(available, "nothing is stored")
        : available < reserve ? Sentence(available, HasRoomInside ? "uploads are not stored" : "telemetry and uploads are not stored")
        : null;

    /// <summary>Refuses what may not use the space that is left.</summary>
    /// <param name="writes">What is written.</param>
    /// <param name="bytes">How much of it, where that is known before.</param>
    /// <exception cref="StoreException">There is too little.</exception>
    public void ThrowIfShort(Writes writes, long bytes = 0)
    {
        var needed = writes switch
        {
            Writes.Masses => HasRoomInside ? reserve / 2 : reserve,
            Writes.Documents => reserve / 2,
            _ => 0,
        };
        if (needed > 0 && Available is var available && available - bytes < needed)
            throw new StoreException(StoreFailure.Full, Sentence(available, "this is not stored"));
    }

    private string Sentence(long available, string consequence) => string.Create(CultureInfo.InvariantCulture,
        $"The disk of the data folder has {available / 1_000_000:N0} MB free and {reserve / 1_000_000:N0} MB are kept in reserve "
            + $"(Fleet:FreeSpaceReserve): {consequence} until space is freed.");
}
