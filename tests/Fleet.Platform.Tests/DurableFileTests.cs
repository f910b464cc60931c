using System.Text;
using Fleet.TestKit;

namespace Fleet.Platform.Tests;

public sealed class DurableFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string File => _folder["state.json"];

    [Fact]
    public void Written_file_holds_the_new_content_and_nothing_is_left_beside_it()
    {
        DurableFile.Write(File, "a longer first content"u8);
        DurableFile.Write(File, "second"u8);
        Assert.Equal("second", Encoding.ASCII.GetString(DurableFile.Read(File)!));
        Assert.Equal([File], Directory.EnumerateFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void What_a_killed_writer_left_does_not_stand_in_the_way()
    {
        System.IO.File.WriteAllText(File + ".new", "half of it");
        DurableFile.Write(File, "whole"u8);
        Assert.Equal("whole", Encoding.ASCII.GetString(DurableFile.Read(File)!));
        Assert.False(System.IO.File.Exists(File + ".new"));
    }

    [Fact]
    public void Write_that_fails_leaves_the_old_content_and_no_part_of_the_new()
    {
        Directory.CreateDirectory(File); // A name that cannot be replaced by a file.
        Assert.ThrowsAny<Exception>(() => DurableFile.Write(File, "content"u8));
        Assert.Equal([File], Directory.EnumerateFileSystemEntries(_folder.Path));
    }

    [Fact]
    public async Task Reader_finds_one_whole_content_however_often_the_writer_is_killed()
    {
        const int Length = 200_000;
        for (var round = 0; round < 5; round++)
        {
            await using var writer = Puppet.Start("rewrite", File, $"{Length}");
            await writer.WaitForLineAsync("rewriting", Puppet.Deadline);
            for (var i = 0; i < 20; i++) AssertWhole(DurableFile.Read(File)!);
            writer.Kill();
            await writer.WaitForExitAsync(Puppet.Deadline);
            AssertWhole(DurableFile.Read(File)!);
        }

        static void AssertWhole(byte[] content)
        {
            Assert.Equal(Length, content.Length);
            Assert.True(content.AsSpan().IndexOfAnyExcept(content[0]) < 0, "Two contents are mixed.");
        }
    }

    [Theory]
    [InlineData("000")]
    [InlineData("022")]
    [InlineData("0777")]
    public async Task Written_file_is_its_owners_alone_whatever_the_umask(string umask)
    {
        var result = await Puppet.RunUnderAsync(umask, "write", File);
        Assert.Equal(("written", 0), (result.Output, result.Code));
        Assert.Equal(OwnerOnly.FileMode, System.IO.File.GetUnixFileMode(File));
    }

    [Fact]
    public void File_is_readable_by_its_owner_alone_from_the_moment_it_exists()
    {
        using var file = OwnerOnly.CreateFile(File);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, System.IO.File.GetUnixFileMode(File));
        Assert.Throws<IOException>(() => OwnerOnly.CreateFile(File).Dispose());
    }

    [Fact]
    public void New_folder_is_its_owners_alone_and_one_that_exists_stays_as_it_is()
    {
        OwnerOnly.CreateFolder(_folder["new", "inner"]);
        Assert.Equal(OwnerOnly.FolderMode, System.IO.File.GetUnixFileMode(_folder["new", "inner"]));

        const UnixFileMode Shared = OwnerOnly.FolderMode | UnixFileMode.GroupRead;
        System.IO.File.SetUnixFileMode(_folder["new", "inner"], Shared);
        OwnerOnly.CreateFolder(_folder["new", "inner"]);
        Assert.Equal(Shared, System.IO.File.GetUnixFileMode(_folder["new", "inner"]));
    }

    [Fact]
    public void Moved_file_has_its_new_name_and_replaces_what_had_it()
    {
        System.IO.File.WriteAllText(File, "old");
        System.IO.File.WriteAllText(_folder["staged"], "new");
        DurableFile.MoveIntoPlace(_folder["staged"], File);
        Assert.Equal("new", System.IO.File.ReadAllText(File));
        Assert.Equal([File], Directory.EnumerateFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void Absent_file_reads_as_nothing_and_a_broken_path_as_a_failure()
    {
        Assert.Null(DurableFile.Read(File));
        Assert.Null(DurableFile.Read(_folder["absent", "file"]));
        Assert.ThrowsAny<UnauthorizedAccessException>(() => DurableFile.Read(_folder.Path));
    }

    [Fact]
    public void Folder_that_cannot_be_flushed_is_named_with_the_cause()
    {
        var failure = Assert.Throws<IOException>(() => DurableFile.FlushFolder(_folder["absent"]));
        Assert.Contains(_folder["absent"], failure.Message, StringComparison.Ordinal);
        Assert.Contains("No such file or directory", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Full_disk_is_told_from_other_failures()
    {
        using var full = new FileStream("/dev/full", FileMode.Open, FileAccess.Write, FileShare.Write, bufferSize: 0);
        Assert.True(DiskSpace.IsFull(Assert.Throws<IOException>(() => full.Write("x"u8))));
        Assert.False(DiskSpace.IsFull(Assert.ThrowsAny<IOException>(() => System.IO.File.OpenRead(File))));
        Assert.True(DiskSpace.FreeBytes(_folder.Path) > 0);
    }

    public void Dispose() => _folder.Dispose();
}
