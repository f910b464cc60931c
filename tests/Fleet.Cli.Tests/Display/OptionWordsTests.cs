using Fleet.Cli.Display;

namespace Fleet.Cli.Tests.Display;

/// <summary>Keys of a spec by the options that stand for them.</summary>
public sealed class OptionWordsTests
{
    [Theory]
    [InlineData("name it in data.labelColumn.", "name it in --label.")]
    [InlineData("data.train holds 3 samples; give data.test, or more.", "--data holds 3 samples; give --test, or more.")]
    [InlineData("Data file /home/data.train.csv: it has no column 'a' (data.labelColumn)",
        "Data file /home/data.train.csv: it has no column 'a' (--label)")]
    [InlineData("data.task: multiLabel says so", "--task multiLabel says so")]
    [InlineData("my-data.train/x and data.training stay", "my-data.train/x and data.training stay")]
    public void Names_of_files_stay_as_they_are(string said, string shown) => Assert.Equal(shown, OptionWords.Of(said));
}
