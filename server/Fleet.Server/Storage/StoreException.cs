namespace Fleet.Server.Storage;

/// <summary>Why the store did not do what it was asked for.</summary>
internal enum StoreFailure
{
    /// <summary>Somebody else changed a document in between: read again and decide again, at once.</summary>
    Conflict,

    /// <summary>The disk is full, or down to the space kept in reserve: the same call succeeds once there is space.</summary>
    Full,

    /// <summary>The disk or the database does not answer: nothing of the call was kept, and the same call may succeed later.</summary>
    Unavailable,

    /// <summary>What is stored contradicts itself: a person has to look, and no repetition helps.</summary>
    Corrupt,

    /// <summary>The store is closed because the server is shutting down.</summary>
    Closed,
}

/// <summary>The store did not do what it was asked for, and nothing of the call was kept.</summary>
/// <param name="failure">Why, for programs.</param>
/// <param name="message">Why, for people: a sentence that says what to do.</param>
/// <param name="cause">What was caught.</param>
internal class StoreException(StoreFailure failure, string message, Exception? cause = null) : Exception(message, cause)
{
    /// <summary>Why.</summary>
    public StoreFailure Failure => failure;

    /// <summary>True when the same call may succeed later, without anything being decided anew.</summary>
    public bool MayBeRetried => failure is StoreFailure.Full or StoreFailure.Unavailable;
}

/// <summary>Somebody else changed a document between the read and the commit.</summary>
internal sealed class VersionConflictException(string type, string id, long expected, long found)
    : StoreException(StoreFailure.Conflict,
        $"{type} '{id}' is at version {found}, not {expected}: it was changed in between. Read it again and decide again.");
