namespace Fleet.Server.Tests.Storage;

/// <summary>The embedded store.</summary>
public sealed class LiteStoreTests : StoreTests
{
    private protected override TestStore Make() => new LiteTestStore();
}
