using Fleet.TestKit;

namespace Fleet.Platform.Tests;

public sealed class ClaimedFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void One_holder_at_a_time_and_the_next_once_it_let_go()
    {
        using (var held = ClaimedFile.TryOpen(_folder["lock"]))
        {
            Assert.NotNull(held);
            Assert.Null(ClaimedFile.TryOpen(_folder["lock"]));
        }
        using var next = ClaimedFile.TryOpen(_folder["lock"]);
        Assert.NotNull(next);
    }

    [Fact]
    public void Folder_that_is_missing_is_not_taken_for_one_in_use()
        => Assert.Throws<DirectoryNotFoundException>(() => ClaimedFile.TryOpen(_folder["misspelt", "lock"]));
}
