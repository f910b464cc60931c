using System.Reflection;
using System.Text.Json;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.State;

namespace Fleet.Contracts.Tests;

/// <summary>Every value of every enumeration has its one word: for people, and on the wire.</summary>
public sealed class EnumWordsTests
{
    public static TheoryData<Type> Enums
        => [.. typeof(FleetJson).Assembly.GetExportedTypes().Where(type => type.IsEnum && !type.IsDefined(typeof(FlagsAttribute)))];

    [Theory]
    [InlineData(DeploymentPhase.RolledBack, "rolled back")]
    [InlineData(DeploymentPhase.Active, "active")]
    [InlineData(RolloutStatus.Succeeded, "succeeded")]
    [InlineData(DeploymentFailure.GateMissed, "gate missed")]
    [InlineData(BuildStatus.Queued, "queued")]
    public void Words_are_the_name_in_small_letters_with_spaces(object value, string words) => Assert.Equal(words, WordsOf(value));

    [Theory]
    [MemberData(nameof(Enums))]
    public void Every_value_has_words_of_its_own(Type type)
    {
        var words = Enum.GetValues(type).Cast<object>().Select(WordsOf).ToList();
        Assert.NotEmpty(words);
        Assert.Equal(words.Count, words.Distinct().Count());
        Assert.All(words, word => Assert.Matches("^[a-z0-9]+( [a-z0-9]+)*$", word));
    }

    [Theory]
    [MemberData(nameof(Enums))]
    public void Every_value_travels_by_its_name_and_comes_back_the_same(Type type)
    {
        if (!FleetJson.Default.Options.TryGetTypeInfo(type, out var info)) return;
        foreach (var value in Enum.GetValues(type))
        {
            var json = JsonSerializer.Serialize(value, info);
            Assert.Equal($"\"{JsonNamingPolicy.CamelCase.ConvertName(value.ToString()!)}\"", json);
            Assert.Equal(value, JsonSerializer.Deserialize(json, info));
        }
    }

    [Theory]
    [MemberData(nameof(Enums))]
    public void Number_or_a_word_that_is_not_one_of_them_is_refused(Type type)
    {
        if (!FleetJson.Default.Options.TryGetTypeInfo(type, out var info)) return;
        foreach (var wrong in (string[])["0", "1", "\"0\"", "\"flying\"", "\"\"", "null", "true"])
            Assert.Throws<JsonException>(() => JsonSerializer.Deserialize(wrong, info));
    }

    [Theory]
    [InlineData("stretch,crop")]
    [InlineData("stretch, crop")]
    [InlineData("crop ")]
    [InlineData("stretched")]
    public void Several_words_or_another_are_refused_by_what_was_written(string written)
    {
        var json = $$"""{"fit":"{{written}}"}""";
        var refusal = Assert.Throws<JsonException>(() => JsonSerializer.Deserialize(json, FleetJson.Default.Preprocessing));
        Assert.Equal($"'{written}' is not one of stretch, crop, pad.", refusal.Message);
        Assert.Equal("$.fit", refusal.Path);
    }

    [Fact]
    public void Capitals_do_not_matter()
        => Assert.Equal(PictureFit.Crop, JsonSerializer.Deserialize("""{"fit":"Crop"}""", FleetJson.Default.Preprocessing)!.Fit);

    [Fact]
    public void Message_repeats_no_more_than_a_line_of_what_was_written()
    {
        var json = JsonSerializer.Serialize(new string('x', 100_000));
        Assert.InRange(Assert.Throws<JsonException>(() => JsonSerializer.Deserialize($$"""{"fit":{{json}}}""",
            FleetJson.Default.Preprocessing)).Message.Length, 64, 140);
    }

    private static string WordsOf(object value)
        => (string)typeof(EnumWords).GetMethod(nameof(EnumWords.ToWords), BindingFlags.Public | BindingFlags.Static)!
            .MakeGenericMethod(value.GetType()).Invoke(null, [value])!;
}
