using Fleet.Cli.Commands;
using Fleet.Contracts.Builds;

namespace Fleet.Cli.Tests.Commands;

/// <summary>Budgets as people write them.</summary>
public sealed class BudgetTextTests
{
    [Theory]
    [InlineData("50kB,5ms", 50_000L, 5.0)]
    [InlineData("5ms, 50kB", 50_000L, 5.0)]
    [InlineData("1.5MB", 1_500_000L, null)]
    [InlineData("20000B", 20_000L, null)]
    [InlineData("800ms", null, 800.0)]
    [InlineData("0.5ms", null, 0.5)]
    public void Size_and_time_are_read_in_any_order(string text, long? bytes, double? milliseconds)
    {
        var budget = BudgetText.Parse(text, problem => Assert.Fail(problem))!;
        Assert.Equal(new StudentBudget
        {
            MaximumBytes = bytes,
            MaximumLatencyP95 = milliseconds is { } time ? TimeSpan.FromMilliseconds(time) : null,
        }, budget);
    }

    [Theory]
    [InlineData("50", "'50' is neither a size such as 50kB nor a duration such as 5ms")]
    [InlineData("", "'' is neither")]
    [InlineData("50kB,", "'' is neither")]
    [InlineData("small", "'small' is neither")]
    [InlineData("50kB,20kB", "names two sizes")]
    [InlineData("5ms,6ms", "names two durations")]
    public void What_cannot_be_read_is_named(string text, string says)
    {
        var told = new List<string>();
        Assert.Null(BudgetText.Parse(text, told.Add));
        Assert.Contains(says, Assert.Single(told), StringComparison.Ordinal);
    }
}
