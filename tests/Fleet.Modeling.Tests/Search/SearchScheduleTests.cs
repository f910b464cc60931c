using Fleet.Modeling.Search;

namespace Fleet.Modeling.Tests.Search;

/// <summary>How long candidates are trained, and how many.</summary>
public sealed class SearchScheduleTests
{
    [Theory]
    [InlineData(1, new[] { 1 })]
    [InlineData(2, new[] { 2 })]
    [InlineData(3, new[] { 3, 2 })]
    [InlineData(8, new[] { 8, 4, 2 })]
    [InlineData(13, new[] { 13, 7, 4, 2 })]
    public void Field_halves_until_two_are_compared(int candidates, int[] fields)
        => Assert.Equal(fields, SearchSchedule.Fields(candidates));

    [Fact]
    public void Steps_double_up_to_the_full_course()
    {
        Assert.Equal([125, 250, 500, 1000], Enumerable.Range(0, 4).Select(rung => SearchSchedule.Steps(rung, 4, 1000)));
        Assert.Equal([64, 64, 100], Enumerable.Range(0, 3).Select(rung => SearchSchedule.Steps(rung, 3, 100)));
        Assert.Equal([40, 40], Enumerable.Range(0, 2).Select(rung => SearchSchedule.Steps(rung, 2, 40)));
    }

    [Theory]
    [InlineData(100, 1000, 3)] // there is time
    [InlineData(4, 500, 3)] // half the steps fit
    [InlineData(0.6, 125, 2)] // the fewest do not: the last of the field goes
    [InlineData(0.001, 125, 1)] // one is always trained
    public void Steps_halve_and_then_the_field_is_cut_to_keep_the_time(double seconds, int steps, int count)
        => Assert.Equal((steps, count), SearchSchedule.Within([0.002, 0.002, 0.003], 1000, seconds));

    // A lesson takes a second for each step.
    [Theory]
    [InlineData(1000, 4000, 1000, 4)]
    [InlineData(1000, 1999, 250, 4)] // a quarter of the steps
    [InlineData(1000, 999, 250, 3)] // and then fewer lessons
    [InlineData(1000, 499, 0, 0)] // one alone is compared with nothing
    [InlineData(100, 399, 64, 4)] // never below the fewest steps
    [InlineData(100, 199, 64, 3)]
    [InlineData(3, 11, 3, 3)] // and a course that is shorter is no further shortened
    [InlineData(3, 5, 0, 0)]
    public void Lessons_are_shortened_and_then_left_out_to_keep_the_time(int course, double seconds, int steps, int count)
        => Assert.Equal((steps, count), SearchSchedule.Lessons((some, lessons) => some * lessons, course, 2, 4, seconds) ?? (0, 0));
}
