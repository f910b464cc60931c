namespace Fleet.Server.Storage;

/// <summary>A room that follows what is committed. Short: whoever commits waits.</summary>
internal interface ICommitObserver
{
    /// <summary>Documents were changed or removed, and everybody reads it.</summary>
    /// <param name="keys">Name of the type and id, with a slash between them.</param>
    void Committed(IEnumerable<string> keys);
}
