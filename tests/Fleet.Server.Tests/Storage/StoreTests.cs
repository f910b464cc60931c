namespace Fleet.Server.Tests.Storage;

/// <summary>What every store does, faults included. A store derives from it with the one method that makes it.</summary>
public abstract partial class StoreTests : IAsyncDisposable
{
    private readonly TestStore _test;

    protected StoreTests() => _test = Make();

    public async ValueTask DisposeAsync()
    {
        await _test.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    /// <summary>A store of its own, empty.</summary>
    private protected abstract TestStore Make();
}
