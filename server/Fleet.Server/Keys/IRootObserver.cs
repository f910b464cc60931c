namespace Fleet.Server.Keys;

/// <summary>A room that follows the roots: what it does must come to the same however often it is called for one root.</summary>
internal interface IRootObserver
{
    /// <summary>A root counts from now on; called at every start for the newest too, in case a killed server did not get to it.</summary>
    Task RootCountsAsync(CancellationToken cancellationToken);
}
